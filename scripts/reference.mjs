/**
 * Writes the reference from the doc comments of what the package exports: the end of docs/library.md, and a page in docs/reference for each of the
 * other entries. `--check` only says whether they are fresh.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import ts from 'typescript'

const MARK = '<!-- What follows is made from the doc comments by `npm run generate`. -->'

const { config } = ts.readConfigFile('tsconfig.json', path => readFileSync(path, 'utf8'))
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.')

const page = (name, guide, about) =>
  `# Reference: tsrun/${name}\n\n${about}, each with what it returns and throws. The guide is [${guide}](../${guide}).\n\n`
const PAGES = [
  { entry: 'lib/index.ts', path: 'docs/library.md' },
  ...[
    ['image', 'images.md', 'Images by their names, their store, volumes'],
    ['network', 'network.md', 'The gateway, its policy, and networks of plugins'],
    ['sandbox', 'sandbox.md', 'Sandboxes, pools of them, and what this machine allows'],
  ].map(([name, guide, about]) => ({
    ...{ entry: `lib/${name}/index.ts`, path: `docs/reference/${name}.md`, head: page(name, guide, about) },
  })),
]
const program = ts.createProgram(
  PAGES.map(({ entry }) => entry),
  options,
)
const checker = program.getTypeChecker()

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
  const plain = texts.map(text =>
    text
      .replace(
        /\{([^}]*)\} ?(?=([,;])?)/g,
        (_all, names, mark) => names.replaceAll('|', ', ') + (mark === undefined ? ' ' : ''),
      )
      .trim(),
  )
  return plain.length === 0 ? '' : ` Throws ${plain.join('; ')}.`
}

const sentence = text => (text === '' || /[.:]$/.test(text) ? text : `${text}.`)
const described = symbol => (sentence(docOf(symbol)) + throwsOf(symbol).replace(/\.\.$/, '.')).trim()

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

const isOurs = ({ declarations = [] }) =>
  declarations.some(({ parent }) => !/node_modules/.test(parent.getSourceFile().fileName))

function membersOf(symbol) {
  const own = checker.getDeclaredTypeOfSymbol(symbol).getProperties().filter(isOurs)
  const isClass = symbol.declarations.some(ts.isClassDeclaration)
  const ofClass = isClass ? checker.getTypeOfSymbol(symbol).getProperties().filter(isOurs) : []
  const statics = ofClass.map(memberLine).filter(line => line !== null)
  return [
    ...statics.map(line => line.replace('- `', `- \`${symbol.name}.`)),
    ...own.map(memberLine).filter(line => line !== null),
  ]
}

/** The functions behind a symbol, which may be constants. */
const functionsOf = ({ declarations }) =>
  declarations
    .map(node => (ts.isVariableDeclaration(node) ? (node.initializer ?? node) : node))
    .filter(node => ts.isFunctionDeclaration(node) || ts.isArrowFunction(node))

const functionPart = (name, symbol) => functionsOf(symbol).map(node => `\`\`\`\n${signatureOf(name, node)}\n\`\`\``)

function part(exported) {
  const symbol = resolved(exported)
  const [node] = symbol.declarations
  if (!isOurs(symbol)) return `### ${exported.name}\n\nThat of Node's \`node:stream\`.`
  const lines = [`### ${exported.name}`, described(symbol)]
  if (functionsOf(symbol).length > 0) lines.splice(1, 0, ...functionPart(exported.name, symbol))
  else if (ts.isVariableDeclaration(node))
    lines.splice(
      1,
      0,
      `\`\`\`\nconst ${exported.name}: ${checker.typeToString(checker.getTypeOfSymbol(symbol))}\n\`\`\``,
    )
  else if (ts.isTypeAliasDeclaration(node) && !ts.isIntersectionTypeNode(node.type))
    lines.splice(1, 0, `\`\`\`\ntype ${exported.name} = ${written(node.type)}\n\`\`\``)
  if (ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node) || ts.isTypeAliasDeclaration(node)) {
    const isRecord = !ts.isTypeAliasDeclaration(node) || ts.isIntersectionTypeNode(node.type)
    if (isRecord) lines.push(membersOf(symbol).join('\n'))
  }
  return lines.filter(line => line !== '').join('\n\n')
}

/** Interfaces that stand for something that is there. */
const HANDLES = ['Runtime', 'Container', 'ExecProcess', 'Images', 'Volumes', 'SandboxCommands', 'SandboxFiles']

const isError = name => /[a-z]Error$/.test(name)

const GROUPS = [
  ['Functions', symbol => functionsOf(symbol).length > 0],
  ['Constants', ({ declarations: [node] }) => ts.isVariableDeclaration(node)],
  [
    'Handles',
    ({ declarations: [node] }, name) => HANDLES.includes(name) || (ts.isClassDeclaration(node) && !isError(name)),
  ],
  ['Errors', (_symbol, name) => isError(name)],
  ['Types', () => true],
]

function reference(entry) {
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)))
  const documents = exported.filter(({ name }) => isDocument(name)).map(({ name }) => `\`${name}\``)
  const left = new Set(exported.filter(({ name }) => !isDocument(name)).sort((a, b) => (a.name < b.name ? -1 : 1)))
  const groups = GROUPS.map(([title, belongs]) => {
    const parts = [...left].filter(symbol => belongs(resolved(symbol), symbol.name))
    for (const symbol of parts) left.delete(symbol)
    return parts.length === 0 ? [] : [`## ${title}`, ...parts.map(part)]
  })
  const note = `The documents of the specification have types too: ${documents.join(', ')}.`
  return `${[...groups.flat(), ...(documents.length > 0 ? [note] : [])].join('\n\n')}\n`
}

mkdirSync('docs/reference', { recursive: true })
for (const { entry, path, head } of PAGES) {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const fresh = `${head ?? before.split(MARK)[0]}${MARK}\n\n${reference(entry)}`
  if (fresh === before) continue
  if (!process.argv.includes('--check')) writeFileSync(path, fresh)
  else {
    console.error(`${path} is not fresh: run npm run generate`)
    process.exitCode = 1
  }
}
