/**
 * The functions of a bundle, by names that stay when others change: `lib/store/store.ts open.read`, the file and the functions
 * around it. One without a name has an empty one, so that several may have the same.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import ts from 'typescript'

/** What usual calls of the command call (called.mjs): a line for each file, and behind it one for each function. */
const LIST = new URL('called-functions.txt', import.meta.url)

const FILE = /^(lib|node_modules|scripts)\/.*\.[cm]?[jt]s$/
/** What is behind the last module is the entry's. */
const LAST = 'lib/cli/main.ts'

/** esbuild numbers what has the same name in several files. */
const plain = name => name.replace(/\d+$/, '')

function nameOf(node, parent) {
  const isValueOf =
    ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)
  const isAssigned = ts.isBinaryExpression(parent) && parent.right === node
  const name = node.name ?? (isValueOf ? parent.name : isAssigned ? parent.left : undefined)
  if (name === undefined) return ''
  return FILE.test(name.text) ? name.text : plain(name.text ?? '')
}

/** A class is one as well: what gives its objects their fields ends where it does. */
const isFunction = node => (ts.isFunctionLike(node) && node.body !== undefined) || ts.isClassLike(node)

function collect(node, parent, path, found) {
  const here = isFunction(node) ? [...path, nameOf(node, parent)] : path
  if (here !== path) found.push({ path: here, start: node.pos, end: node.end })
  ts.forEachChild(node, child => collect(child, node, here, found))
}

/** All of them in the order of the text: `name`, and the offset of the first character behind it, `end`. */
export function functionsOf(source) {
  const found = []
  const file = ts.createSourceFile('bundle.js', source, ts.ScriptTarget.Latest, false, ts.ScriptKind.JS)
  collect(file, file, [], found)
  // A module's functions are in front of what runs when it is loaded, which has the name of its file.
  let next = LAST
  return found
    .toReversed()
    .map(({ path, end }) => {
      const at = path.findIndex(name => FILE.test(name))
      if (at >= 0) next = path[at]
      return { name: `${next} ${path.slice(at < 0 ? 1 : at + 1).join('.')}`.trimEnd(), end }
    })
    .reverse()
}

export function writeNames(names) {
  const lines = []
  let file
  for (const [of, name = ''] of [...names].sort().map(name => name.split(' '))) {
    if (of !== file) lines.push(of)
    if (name !== '') lines.push(`  ${name}`)
    file = of
  }
  writeFileSync(LIST, `${lines.join('\n')}\n`)
}

/** The last characters of those functions of a bundle that the list has. What loads a module goes with any function of it. */
export function calledIn(source) {
  const names = new Set()
  let file
  for (const line of readFileSync(LIST, 'utf8').trimEnd().split('\n')) {
    if (!line.startsWith(' ')) file = line
    names.add(line.startsWith(' ') ? `${file} ${line.trimStart()}` : line)
  }
  return functionsOf(source).flatMap(({ name, end }) => (names.has(name) ? [end - 1] : []))
}
