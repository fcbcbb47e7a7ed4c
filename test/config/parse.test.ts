import t from 'tap'
import { isDecimal } from '../../lib/config/json.js'
import { LONGEST_TEXT, parseJson } from '../../lib/config/parse.js'
import { ConfigError } from '../../lib/errors.js'

function messageOf(source: string | Uint8Array): string {
  try {
    return `accepted as ${typeof parseJson(source)}`
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message
  }
}

t.test('integers keep all their digits', async t => {
  t.equal(parseJson('9007199254740991'), 9007199254740991)
  t.equal(parseJson('9007199254740992'), 9007199254740992n)
  t.equal(parseJson('18446744073709551615'), 18446744073709551615n)
  t.equal(parseJson('-9223372036854775808'), -9223372036854775808n)
  t.ok(Object.is(parseJson('-0'), -0))
})

t.test('a fraction or an exponent makes a decimal, whatever its value', async t => {
  for (const text of ['1e3', '1E+3', '1.0', '-0.5', '1e400']) t.ok(isDecimal(parseJson(text)), text)
})

t.test('objects have no prototype, so that any key is only a key', async t => {
  const value = parseJson('{"__proto__": {"a": 1}, "constructor": 2, "hasOwnProperty": 3}')
  t.equal(Object.getPrototypeOf(value), null)
  t.same(Object.entries(value as object), [
    ['__proto__', { a: 1 }],
    ['constructor', 2],
    ['hasOwnProperty', 3],
  ])
  t.notOk('a' in (value as object))
})

t.test('keys differ by case', async t => {
  t.same(Object.keys(parseJson('{"a": 1, "A": 2}') as object), ['a', 'A'])
})

t.test('what JSON.parse accepts is read the same', async t => {
  const texts = [
    '{}',
    '[]',
    ' [ 1 , "a" , true , false , null , { "b" : [ ] } ] ',
    String.raw`"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`,
    '"é😀\u007f\u2028"',
    '{"a":{"a":{"a":[-1,0,10]}},"":""}',
    '\r\n\t "x"\n',
  ]
  for (const text of texts) t.same(parseJson(text), JSON.parse(text))
})

t.test('what JSON.parse refuses is refused', async t => {
  const bad =
    '|{|[|"|"\\|{"a"}|{"a":}|{"a":1,}|[1,]|[,]|01|-|+1|.5|1.|1e|0x1|1_0|tru|TRUE|NaN|Infinity|undefined|\'a\'|"\t"'
  for (const text of [...bad.split('|'), '"\\u12"', '"\\x41"', '// a\n1', '1 2', '[1] x', '\u00a01', '\ufeff1']) {
    t.throws(() => JSON.parse(text), text)
    t.throws(() => parseJson(text), { code: 'ERR_CONFIG_INVALID' }, text)
  }
})

t.test('random mutations of a document are read as JSON.parse reads them, or refused', async t => {
  const seed = '{"a":[1,-20,{"b":"x\\n\\u0041"},true,null],"c":{"d":"","e":[]}}'
  const alphabet = '{}[],:"\\0123456789-+.eEtrufalsn \n\u0001é'
  let state = 1
  const random = (below: number) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
  let accepted = 0
  for (let round = 0; round < 20000; round += 1) {
    const at = random(seed.length)
    const text = seed.slice(0, at) + (alphabet[random(alphabet.length)] ?? '') + seed.slice(at + random(3))
    const ours = attempt(() => parseJson(text))
    const theirs = attempt(() => JSON.parse(text))
    if (theirs === null && ours !== null) t.fail(`accepted: ${text}`)
    // Decimals, duplicate keys and bigints are where we mean to differ.
    if (ours === null || /\d[.eE]|\d{16}/.test(text)) continue
    accepted += 1
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) t.fail(`read differently: ${text}`)
  }
  t.ok(accepted > 1000)
})

function attempt(read: () => unknown): { value: unknown } | null {
  try {
    return { value: read() }
  } catch {
    return null
  }
}

t.test('errors say where, by line, column and pointer', async t => {
  t.equal(messageOf('{\n  "a": [1,\n   tru]}'), '/a/1: must be a JSON value, but is "tru" (line 3, column 4)')
  t.equal(messageOf('{"a/b": {"c~d": "\\ud800"}}').split(':')[0], '/a~1b/c~0d')
  t.match(messageOf('{"a": 1, "a": 2}'), /^\/a: must be given once, but is a second "a" \(line 1, column 10\)$/)
})

t.test('nesting ends at 100', async t => {
  t.equal(messageOf('['.repeat(100) + ']'.repeat(100)), 'accepted as object')
  t.match(messageOf('['.repeat(101) + ']'.repeat(101)), /must be nested at most 100 deep/)
  t.match(messageOf('['.repeat(1_000_000)), /must be nested at most 100 deep/)
})

t.test('size ends at 16 Mi characters, and long strings are no problem below', async t => {
  t.match(messageOf(`"${'a'.repeat(LONGEST_TEXT)}"`), /must be a text of at most 16777216 characters/)
  const long = 'a'.repeat(4_000_000)
  t.ok(parseJson(`"${long}"`) === long)
  t.ok(parseJson(`"${'\\n'.repeat(1_000_000)}"`) === '\n'.repeat(1_000_000))
})

t.test('bytes must be UTF-8', async t => {
  t.equal(parseJson(new TextEncoder().encode('"é😀"')), 'é😀')
  t.equal(messageOf(Uint8Array.of(0x22, 0xff, 0x22)), 'must be UTF-8, but is another byte (line 1, column 2)')
  t.match(messageOf(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)), /must be UTF-8/)
  t.match(messageOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0x31)), /must be a JSON value/)
})
