import { basename, extname } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { type Source, sources } from './sources.js'

/** Words that say nothing about the thing: the design does without them. */
const EMPTY_WORDS = /(?:Manager|Builder|Factory|Strategy|Handler|Helper|Utils?)$/
const EMPTY_FILE_NAMES = /(?:manager|builder|factory|strategy|handler|helper|utils?)$/i

/** The option is named so in the issue that asks for it, after runc's `--systemd-cgroup` drivers. */
const excepted = new Set(['cgroupManager'])

const declares = (node: ts.Node): node is ts.NamedDeclaration =>
  ts.isVariableDeclaration(node) ||
  ts.isBindingElement(node) ||
  ts.isParameter(node) ||
  ts.isFunctionDeclaration(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isClassDeclaration(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node)

/** The names that a file gives to things, each with its place. */
function namesIn({ path, text }: Source): readonly { name: string; place: string }[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
  const names: { name: string; place: string }[] = []
  const visit = (node: ts.Node) => {
    if (declares(node) && node.name !== undefined && ts.isIdentifier(node.name)) {
      const { line } = file.getLineAndCharacterOfPosition(node.name.getStart(file))
      names.push({ name: node.name.text, place: `${path}:${line + 1}` })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return names
}

const written = ['lib', 'test', 'scripts', 'benchmarks'].flatMap(folder => sources(folder, '.ts', '.mjs'))

t.test('nothing is named after an empty word', async t => {
  const names = written.flatMap(namesIn)
  t.ok(names.length > 100)
  const empty = names.filter(({ name }) => EMPTY_WORDS.test(name) && !excepted.has(name))
  t.same(
    empty.map(({ name, place }) => `${place}: ${name}`),
    [],
  )
})

t.test('no file or folder is named after an empty word', async t => {
  const paths = [...written, ...sources('native')].map(({ path }) => path)
  const parts = paths.flatMap(path => path.split('/').map(part => basename(part, extname(part))))
  t.same(
    [...new Set(parts)].filter(part => EMPTY_FILE_NAMES.test(part)),
    [],
  )
})

t.test('the tests of a part lie where the part lies', async t => {
  const parts = new Set(sources('lib', '.ts').map(({ path }) => path.split('/')[1]))
  const known = new Set([...parts, 'integration', 'conformance', 'native', 'style', 'engines', 'fixtures', 'vm'])
  const folders = sources('test')
    .map(({ path }) => path.split('/'))
    .filter(path => path.length > 2)
  t.same(
    [...new Set(folders.map(([, folder]) => folder))].filter(folder => !known.has(folder)),
    [],
  )
})
