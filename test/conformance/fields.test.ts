/** Of each field of the configuration: that a container uses it, and that a wrong value is an error that names it. */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import ts from 'typescript'
import { readConfig } from '../../lib/config/read.js'
import { isTsrunError } from '../../lib/index.js'

const TYPES = 'lib/config/oci-config.ts'

/** Every field of the type, as a JSON pointer in which `*` is any entry of a list or of a map. */
function fieldsOf(name: string): Set<string> {
  const program = ts.createProgram([TYPES], { strict: true })
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(TYPES)
  const symbol = source && checker.getSymbolAtLocation(source)
  const root = symbol && checker.getExportsOfModule(symbol).find(exported => exported.name === name)
  if (root === undefined) throw new Error(`${TYPES} has no ${name}`)
  const fields = new Set<string>()
  const visit = (type: ts.Type, path: string): void => {
    const own = checker.getNonNullableType(type)
    const isList = checker.isArrayType(own)
    const entry = isList ? checker.getIndexTypeOfType(own, ts.IndexKind.Number) : own.getStringIndexType()
    if (entry !== undefined) visit(entry, `${path}/*`)
    const properties = isList || !(own.flags & ts.TypeFlags.Object) ? [] : own.getProperties()
    for (const property of properties) {
      const field = `${path}/${property.name}`
      fields.add(field)
      visit(checker.getTypeOfSymbol(property), field)
    }
  }
  visit(checker.getDeclaredTypeOfSymbol(root), '')
  return fields
}

const FIELDS = fieldsOf('OciConfig')

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

const GOOD = 'spec-fixtures/config/good'
const documents = readdirSync(GOOD)
  .filter(name => name.endsWith('.json') && !name.endsWith('.warnings.json'))
  .map(name => JSON.parse(readFileSync(`${GOOD}/${name}`, 'utf8')) as Json)

/** Each place of a document, with its pointer and the field that it is of. */
function* placesIn(value: Json, path = '', field = ''): Generator<{ value: Json; path: string; field: string }> {
  if (path !== '') yield { value, path, field }
  if (value === null || typeof value !== 'object') return
  for (const [key, entry] of Object.entries(value)) {
    const isNamed = FIELDS.has(`${field}/${key}`)
    const escaped = key.replaceAll('~', '~0').replaceAll('/', '~1')
    yield* placesIn(entry, `${path}/${escaped}`, isNamed ? `${field}/${key}` : `${field}/*`)
  }
}

/** A value that can't be meant. */
const wrongFor = (value: Json): Json => (typeof value === 'object' ? 7 : { no: 'value' })

function replaced(document: Json, path: string, wrong: Json): string {
  const copy = structuredClone(document)
  const keys = path.slice(1).split('/')
  const names = keys.map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = names.pop() ?? ''
  const parent = names.reduce<Json>((value, key) => (value as Record<string, Json>)[key] ?? null, copy)
  ;(parent as Record<string, Json>)[last] = wrong
  return JSON.stringify(copy)
}

/** The pointers that the error of a document names; none where it is accepted. */
function namedBy(document: string): readonly string[] {
  try {
    readConfig(document)
    return []
  } catch (error) {
    if (!isTsrunError(error) || !('issues' in error)) throw error
    return error.issues.map(({ path }) => path)
  }
}

t.test('a value of the wrong type is an error that names the field, for every field that there is', async t => {
  t.ok(FIELDS.size > 200, `${FIELDS.size} fields`)
  const tried = new Set<string>()
  const unnamed = documents.flatMap(document =>
    [...placesIn(document)].flatMap(({ value, path, field }) => {
      if (value === null || tried.has(field) || !FIELDS.has(field)) return []
      tried.add(field)
      return namedBy(replaced(document, path, wrongFor(value))).includes(path) ? [] : [path]
    }),
  )
  t.same(unnamed, [])
  t.same(
    [...FIELDS].filter(field => !tried.has(field)),
    [],
    'each is in one of the good documents',
  )
})

/** What no machine of the tests has, and where it is shown all the same. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  '/linux/intelRdt': 'test/resctrl/class.test.ts: resctrl',
  '/linux/resources/rdma': 'test/cgroup/resources.test.ts: a device for RDMA',
  '/linux/resources/blockIO/leafWeight': 'test/cgroup/resources.test.ts: a kernel before 5.0, with the scheduler CFQ',
  '/linux/resources/blockIO/weightDevice/*/leafWeight': 'test/cgroup/resources.test.ts: the same',
}

/** The names that the tests give to properties, of those tests that make containers. */
function namesUsed(): Set<string> {
  const names = new Set<string>()
  for (const folder of ['test/conformance', 'test/vm', 'test/integration']) {
    for (const file of readdirSync(folder).filter(name => /\.(?:ts|mjs)$/.test(name) && name !== 'fields.test.ts')) {
      const source = ts.createSourceFile(file, readFileSync(`${folder}/${file}`, 'utf8'), ts.ScriptTarget.Latest)
      const visit = (node: ts.Node): void => {
        if (ts.isPropertyAssignment(node) || ts.isShorthandPropertyAssignment(node)) {
          if (ts.isIdentifier(node.name) || ts.isStringLiteral(node.name)) names.add(node.name.text)
        }
        if (ts.isPropertyAccessExpression(node)) names.add(node.name.text)
        ts.forEachChild(node, visit)
      }
      visit(source)
    }
  }
  return names
}

t.test('every field is used by a container of the tests', async t => {
  const used = namesUsed()
  const isElsewhere = (field: string): boolean =>
    Object.keys(ELSEWHERE).some(start => field === start || field.startsWith(`${start}/`))
  const unused = [...FIELDS].filter(field => !used.has(field.slice(field.lastIndexOf('/') + 1)) && !isElsewhere(field))
  t.same(unused, [])
})
