/**
 * Writes the reference part of docs/library.md from the doc comments of what lib/index.ts exports; `--check` only says whether it
 * is fresh.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import ts from 'typescript'

const PAGE = 'docs/library.md'
const MARK = '<!-- What follows is made from the doc comments by `npm run generate`. -->'

const { config } = ts.readConfigFile('tsconfig.json', path => readFileSync(path, 'utf8'))
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.')
const program = ts.createProgram(['lib/index.ts'], options)
const checker = program.getTypeChecker()
const index = program.getSourceFile('lib/index.ts')

/** Types that write down a document of the specification: their fields are those of the specification. */
const isDocument = name => /^Oci|^NamespaceType$/.test(name)

const resolved = symbol => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol)
const docOf = symbol => ts.displayPartsToString(symbol.getDocumentationComment(checker)).replace(/\s*\n\s*/g, ' ')
const tagsOf = symbol => symbol.getJsDocTags(checker)
const isInternal = symbol => tagsOf(symbol).some(({ name }) => name === 'internal')

function throwsOf(symbol) {
  const texts = tagsOf(symbol)
    .filter(({ name }) => name === 'throws')
    .map(({ text }) => ts.displayPartsToString(text).replace(/\s*\n\s*/g, ' '))
  const plain = texts.map(text => text.replace(/\{([^}]*)\}/g, (_all, names) => names.replaceAll('|', ', ')))
  return plain.length === 0 ? '' : ` Throws ${plain.join('; ')}.`
}

const sentence = text => (text === '' || /[.:]$/.test(text) ? text : `${text}.`)
const described = symbol => sentence(docOf(symbol)) + throwsOf(symbol).replace(/\.\.$/, '.')

/** The text of a type as it is written, on one line. */
const written = node =>
  node
    .getText()
    .replace(/\/\*\*.*?\*\//gs, '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^\| /, '')

function signatureOf(name, node) {
  const parameters = node.parameters.map(written).join(', ')
  const type = node.type === undefined ? '' : `: ${written(node.type)}`
  return `${name}(${parameters})${type}`
}

function memberLine(symbol) {
  const [node] = symbol.declarations ?? []
  if (node === undefined || isInternal(symbol) || ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private)
    return null
  if (node.name !== undefined && ts.isPrivateIdentifier(node.name)) return null
  const name = node.name?.getText() ?? symbol.name
  const isCall = ts.isMethodDeclaration(node) || ts.isMethodSignature(node)
  const optional = node.questionToken === undefined ? '' : '?'
  const field = () =>
    `${name}${optional}: ${node.type === undefined ? checker.typeToString(checker.getTypeOfSymbol(symbol)) : written(node.type)}`
  const text = described(symbol)
  return `- \`${isCall ? signatureOf(name, node) : field()}\`${text === '' ? '' : `: ${text}`}`
}

function membersOf(symbol) {
  const type = checker.getDeclaredTypeOfSymbol(symbol)
  const own = type
    .getProperties()
    .filter(({ declarations = [] }) =>
      declarations.some(({ parent }) => !/node_modules/.test(parent.getSourceFile().fileName)),
    )
  return own.map(memberLine).filter(line => line !== null)
}

function functionPart(name, symbol) {
  const nodes = symbol.declarations.filter(ts.isFunctionDeclaration)
  return nodes.map(node => `\`\`\`\n${signatureOf(name, node)}\n\`\`\``)
}

function part(exported) {
  const symbol = resolved(exported)
  const [node] = symbol.declarations
  const lines = [`### ${exported.name}`, described(symbol)]
  if (ts.isFunctionDeclaration(node)) lines.splice(1, 0, ...functionPart(exported.name, symbol))
  else if (ts.isTypeAliasDeclaration(node) && !ts.isIntersectionTypeNode(node.type))
    lines.splice(1, 0, `\`\`\`\ntype ${exported.name} = ${written(node.type)}\n\`\`\``)
  if (ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node) || ts.isTypeAliasDeclaration(node)) {
    const isRecord = !ts.isTypeAliasDeclaration(node) || ts.isIntersectionTypeNode(node.type)
    if (isRecord) lines.push(membersOf(symbol).join('\n'))
  }
  return lines.filter(line => line !== '').join('\n\n')
}

const GROUPS = [
  ['Functions', node => ts.isFunctionDeclaration(node)],
  ['Handles', (_node, name) => ['Runtime', 'Container', 'ExecProcess'].includes(name)],
  ['Errors', node => ts.isClassDeclaration(node)],
  ['Types', () => true],
]

function reference() {
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(index))
  const documents = exported.filter(({ name }) => isDocument(name)).map(({ name }) => `\`${name}\``)
  const left = new Set(exported.filter(({ name }) => !isDocument(name)).sort((a, b) => (a.name < b.name ? -1 : 1)))
  const groups = GROUPS.map(([title, belongs]) => {
    const parts = [...left].filter(symbol => belongs(resolved(symbol).declarations[0], symbol.name))
    for (const symbol of parts) left.delete(symbol)
    return [`## ${title}`, ...parts.map(part)].join('\n\n')
  })
  const note = `The documents of the specification have types too: ${documents.join(', ')}.`
  return `${groups.join('\n\n')}\n\n${note}\n`
}

const page = readFileSync(PAGE, 'utf8')
const [guide] = page.split(MARK)
const fresh = `${guide}${MARK}\n\n${reference()}`
if (!process.argv.includes('--check')) writeFileSync(PAGE, fresh)
else if (fresh !== page) {
  console.error(`${PAGE} is not fresh: run npm run generate`)
  process.exitCode = 1
}
