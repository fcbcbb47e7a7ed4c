import { readdirSync, readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { parseCanonical } from '../../lib/config/canonical.js'
import { parseByCharacter, parseJson } from '../../lib/config/parse.js'
import { ConfigError } from '../../lib/errors.js'
import { goodDocuments, mutated } from './fuzz.js'
import { randomFrom } from './mutate.js'

/** All of a value or an error that can be seen: order of keys, prototypes, -0 and the type of each number. */
function seen(read: () => unknown): string {
  try {
    return inspect(read(), { depth: null, maxArrayLength: null, maxStringLength: null })
  } catch (error) {
    if (error instanceof ConfigError) return JSON.stringify(error.issues)
    throw error
  }
}

/** Whether the text was canonical. */
function compare(t: Test, text: string): boolean {
  const canonical = parseCanonical(text)
  const expected = seen(() => parseByCharacter(text))
  if (seen(() => parseJson(text)) !== expected) t.fail(`read differently: ${text.slice(0, 1000)}`)
  if (canonical !== undefined && seen(() => canonical) !== expected) t.fail(`accepted: ${text.slice(0, 1000)}`)
  return canonical !== undefined
}

/** As this writer and others write it. */
const writings = (value: unknown) => [undefined, 2, '\t', '   '].map(indent => JSON.stringify(value, null, indent))

t.test('the fixtures are read alike, as they are and as engines write them', async t => {
  const folder = new URL('../../spec-fixtures/', import.meta.url)
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.json'))
  let canonical = 0
  for (const name of files) {
    const text = readFileSync(new URL(name, folder), 'utf8')
    if (compare(t, text)) canonical += 1
    for (const written of rewritten(text)) if (compare(t, written) && compare(t, `${written}\n`)) canonical += 1
  }
  t.ok(files.length > 200 && canonical > files.length, `${canonical} canonical texts of ${files.length} fixtures`)
})

function rewritten(text: string): string[] {
  try {
    return writings(JSON.parse(text))
  } catch {
    return []
  }
}

t.test('mutated configurations are read alike', async t => {
  const good = goodDocuments()
  let canonical = 0
  for (let seed = 1; seed <= 1500; seed += 1) {
    const document = mutated({ good, random: randomFrom(seed) })
    for (const text of [document, ...rewritten(document)]) if (compare(t, text)) canonical += 1
  }
  t.ok(canonical > 1000, `${canonical} were canonical`)
})

t.test('what the parser of the engine would lose is left to ours', async t => {
  const lossy = [
    '{"a":1,"a":1}',
    '{"a":{"b":1,"b":1}}',
    '{"a":1,"\\u0061":2}',
    '{"2":0,"1":0}',
    '9007199254740992',
    '[18446744073709551615]',
    '-0',
    '1.0',
    '1.5',
    '1e3',
    '1e+21',
    '0.9999999999999999999',
    '"\\u0000"',
    '"\\ud800"',
    '"\ud800"',
    '["\\u0026"]',
    `${'['.repeat(101)}${']'.repeat(101)}`,
    `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
    `"${'a'.repeat(1024 * 1024)}"`,
    '{"a": 1}',
    ' 1',
    '\ufeff1',
    '1\ufeff',
    '{"a":1} x',
    '',
  ]
  for (const text of lossy) t.notOk(compare(t, text), text.slice(0, 40))
})

t.test('what it does not lose is not', async t => {
  const kept = [
    '{}',
    '[]',
    '{"a":null,"b":[null,{}]}',
    '{"__proto__":{"toJSON":1},"":""}',
    '9007199254740991',
    '"é😀\u2028"',
  ]
  for (const text of [...kept, '"\\"\\\\\\n"', '[\n\t1\n]\n', '{\n"a":1\n}', `${'['.repeat(100)}${']'.repeat(100)}`])
    compare(t, text)
  // A line separator in a title would end the line of the report.
  for (const text of kept) t.ok(compare(t, text), encodeURI(text))
})
