import t from 'tap'
import { CODE, encodeAnswer, parseQuery, TYPE } from '../../lib/network/dns-message.js'
import { randomFrom } from '../config/mutate.js'
import { effort } from '../effort.js'

const label = (text: string): number[] => [text.length, ...Buffer.from(text, 'latin1')]
const nameOf = (text: string): number[] => [...text.split('.').flatMap(label), 0]
const HEADER = [0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0]
const OPT = [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]

const query = (name: string, type: number = TYPE.A): Uint8Array =>
  Uint8Array.from([...HEADER, ...nameOf(name), 0, type, 0, 1])
const changed = (bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  copy.set(values, at)
  return copy
}

t.test('a query is read, and its answer has its question', async t => {
  const parsed = parseQuery(query('WWW.example.com', TYPE.AAAA))
  t.match(parsed, {
    id: 0x1234,
    wantsRecursion: true,
    code: 0,
    edns: false,
    question: { name: 'WWW.example.com', type: 28, isInternet: true },
  })
  if (parsed === null) return
  const address = Uint8Array.from({ length: 16 }, (_, at) => at)
  const answer = Buffer.from(encodeAnswer(parsed, { code: CODE.noError, addresses: [address] }))
  t.equal(answer.toString('hex', 0, 12), '123481800001000100000000')
  t.same([...answer.subarray(12, 33)], [...query('WWW.example.com', TYPE.AAAA).subarray(12)])
  t.equal(answer.toString('hex', 33), `c00c001c0001${'0000003c'}0010${Buffer.from(address).toString('hex')}`)
})

t.test('EDNS is answered with EDNS', async t => {
  const bytes = changed(Uint8Array.from([...query('a.b'), ...OPT]), 11, 1)
  const parsed = parseQuery(bytes)
  t.match(parsed, { code: 0, edns: true })
  if (parsed === null) return
  const answer = Buffer.from(encodeAnswer(parsed, { code: CODE.noName, addresses: [] }))
  t.equal(answer.toString('hex', 0, 12), '123481830001000000000001')
  t.equal(answer.toString('hex', answer.length - 11), '00002904d0000000000000'.slice(0, 22))
})

t.test('what is unusual is a format error, and what is no query has no answer', async t => {
  const good = query('a.b')
  t.equal(parseQuery(new Uint8Array(11)), null)
  t.equal(parseQuery(new Uint8Array(5000)), null)
  t.equal(parseQuery(changed(good, 2, 0x81)), null, 'an answer')
  t.match(parseQuery(changed(good, 2, 0x28)), { code: CODE.notImplemented })
  for (const [what, bytes] of Object.entries({
    'no question': changed(good, 5, 0),
    'two questions': changed(good, 5, 2),
    'an answer in it': changed(good, 7, 1),
    'something behind it': Uint8Array.from([...good, 0]),
    'a pointer': changed(good, 12, 0xc0, 0x0c),
    'cut off': good.subarray(0, -1),
    'a dot in a label': changed(good, 13, 0x2e),
    'a NUL in a label': changed(good, 13, 0),
    'a byte beyond ASCII': changed(good, 13, 0xe4),
    'an OPT that is none': changed(Uint8Array.from([...good, ...OPT]), 11, 1, 0).fill(1, good.length, good.length + 1),
    'two additional': changed(Uint8Array.from([...good, ...OPT]), 11, 2),
    'a name of more than 255 bytes': query(Array.from({ length: 8 }, () => 'a'.repeat(40)).join('.')),
  }))
    t.match(parseQuery(bytes), { code: CODE.formatError }, what)
  t.match(parseQuery(changed(good, good.length - 1, 3)), { code: 0, question: { isInternet: false } }, 'CHAOS')
})

t.test('mutated queries never throw, and are answered in less than 512 bytes', async t => {
  const random = randomFrom(effort.seed)
  const seeds = [
    query('a.b'),
    query('registry.npmjs.org', TYPE.AAAA),
    Uint8Array.from([...query('x'), ...OPT]),
    query('a'.repeat(63)),
  ]
  const addresses = [new Uint8Array(4), new Uint8Array(16)]
  let good = 0
  for (let round = 0; round < 20_000 * effort.times; round++) {
    const seed = seeds[random(seeds.length)] ?? new Uint8Array(0)
    const bytes = Uint8Array.from(seed)
    for (let change = random(4); change >= 0; change--) bytes[random(bytes.length)] = random(256)
    const parsed = parseQuery(random(4) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes)
    if (parsed === null) continue
    const answer = encodeAnswer(parsed, { code: parsed.code === CODE.noError ? CODE.noError : parsed.code, addresses })
    if (answer.length > 512 || answer.length < 12) t.fail(`an answer of ${answer.length} bytes`)
    if (parsed.code === CODE.noError && !/^[!-~]*$/.test(parsed.question.name)) t.fail('a name of other characters')
    good += 1
  }
  t.ok(good > 100)
})
