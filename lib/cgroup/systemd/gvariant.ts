/** Values in the text form of GVariant, such as `uint64 5`, `'text'` or `[('a', true)]`, with their D-Bus types. Pure. */
import { completeTypes, type Typed, type Value } from '../../dbus/writing.js'

const TYPES: Readonly<Record<string, string>> = {
  boolean: 'b',
  byte: 'y',
  int16: 'n',
  uint16: 'q',
  int32: 'i',
  uint32: 'u',
  int64: 'x',
  uint64: 't',
  double: 'd',
  string: 's',
  objectpath: 'o',
  signature: 'g',
}

/** The least and the greatest value of the types of whole numbers. */
const RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = {
  y: [0n, 255n],
  n: [-(2n ** 15n), 2n ** 15n - 1n],
  q: [0n, 2n ** 16n - 1n],
  i: [-(2n ** 31n), 2n ** 31n - 1n],
  u: [0n, 2n ** 32n - 1n],
  x: [-(2n ** 63n), 2n ** 63n - 1n],
  t: [0n, 2n ** 64n - 1n],
}

const TOKEN = /\s*(?:[[\](),<>]|@[a-z(){}]+|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s[\](),<>'"@]+)/y

/** @throws {SyntaxError} that says what is wrong */
export function parseVariant(text: string): Typed {
  const tokens = tokensOf(text)
  const read = reader(tokens)
  const result = readValue(read, null)
  if (read.peek() !== null) throw new SyntaxError(`nothing is expected after the value, found ${read.peek()}`)
  return result
}

function tokensOf(text: string): string[] {
  const tokens: string[] = []
  const pattern = new RegExp(TOKEN)
  const end = text.trimEnd().length
  while (pattern.lastIndex < end) {
    const at = pattern.lastIndex
    const found = pattern.exec(text)
    if (found === null) throw new SyntaxError(`can't read ${JSON.stringify(text.slice(at))}`)
    tokens.push(found[0].trimStart())
  }
  return tokens
}

/** As deep as D-Bus lets arrays and structures be nested together. */
const DEEPEST = 64

interface Reader {
  /** null: the end. */
  peek(): string | null
  take(): string
  /** Returns what `readOne` does, of a value that is in another. */
  within<T>(readOne: () => T): T
}

function reader(tokens: readonly string[]): Reader {
  let at = 0
  const peek = (): string | null => tokens[at] ?? null
  const take = (): string => {
    const token = peek()
    if (token === null) throw new SyntaxError('the value ends too early')
    at++
    return token
  }
  let depth = 0
  const within = <T>(readOne: () => T): T => {
    depth++
    if (depth > DEEPEST) throw new SyntaxError(`it is nested more than ${DEEPEST} deep`)
    const value = readOne()
    depth--
    return value
  }
  return { peek, take, within }
}

/** `wanted` is the type that is known from what is around the value, or null. */
const readValue = (read: Reader, wanted: string | null): Typed => read.within(() => readTyped(read, wanted))

function readTyped(read: Reader, wanted: string | null): Typed {
  const token = read.take()
  if (token.startsWith('@')) return readValue(read, token.slice(1))
  const type = Object.hasOwn(TYPES, token) ? TYPES[token] : undefined
  if (type !== undefined) return readValue(read, type)
  if (token === '[') return readArray(read, wanted)
  if (token === '(') return readTuple(read, wanted)
  if (token === '<') return readBoxed(read, wanted)
  return basic(token, wanted)
}

function readList<T>(read: Reader, close: string, readOne: (index: number) => T): T[] {
  const values: T[] = []
  while (read.peek() !== close) {
    values.push(readOne(values.length))
    if (read.peek() !== close && read.take() !== ',') throw new SyntaxError(`expected "," or "${close}" in a list`)
  }
  read.take()
  return values
}

/** All elements have the type of the first one. */
function readArray(read: Reader, wanted: string | null): Typed {
  if (wanted !== null && !wanted.startsWith('a')) throw new SyntaxError(`an array is no value of type ${wanted}`)
  let element = wanted?.slice(1) ?? null
  const values = readList(read, ']', () => {
    const value = readValue(read, element)
    element ??= value.signature
    return value.value
  })
  if (element === null) throw new SyntaxError('an empty array needs its type in front, such as @as []')
  return { signature: `a${element}`, value: values }
}

function readTuple(read: Reader, wanted: string | null): Typed {
  if (wanted !== null && !/^\(.*\)$/.test(wanted)) throw new SyntaxError(`a tuple is no value of type ${wanted}`)
  const types = wanted === null ? null : completeTypes(wanted.slice(1, -1))
  const values = readList(read, ')', index => readValue(read, types?.[index] ?? null))
  if (types !== null && types.length !== values.length) throw new SyntaxError(`a tuple is not as long as ${wanted}`)
  return {
    signature: `(${values.map(({ signature }) => signature).join('')})`,
    value: values.map(({ value }) => value),
  }
}

function readBoxed(read: Reader, wanted: string | null): Typed {
  if (wanted !== null && wanted !== 'v') throw new SyntaxError(`a variant is no value of type ${wanted}`)
  const value = readValue(read, null)
  if (read.take() !== '>') throw new SyntaxError('expected ">" after the value of a variant')
  return { signature: 'v', value }
}

function basic(token: string, wanted: string | null): Typed {
  const found = ((): Typed => {
    if (/^["']/.test(token)) return texts(token, wanted ?? 's')
    if (token === 'true' || token === 'false') return { signature: 'b', value: token === 'true' }
    return number(token, wanted)
  })()
  if (wanted !== null && found.signature !== wanted) throw new SyntaxError(`${token} is no value of type ${wanted}`)
  return found
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', a: '\x07' }

function texts(token: string, signature: string): Typed {
  const value = token.slice(1, -1).replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter)
  return { signature: 'sog'.includes(signature) ? signature : 's', value }
}

function number(token: string, wanted: string | null): Typed {
  const isWhole = /^[-+]?(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.test(token)
  if (wanted === 'd' || (wanted === null && !isWhole)) return { signature: 'd', value: double(token) }
  const range = RANGES[wanted ?? 'i']
  if (!isWhole || range === undefined) throw new SyntaxError(`${token} is no value of type ${wanted}`)
  const value = whole(token)
  if (value < range[0] || value > range[1]) throw new SyntaxError(`${token} is out of the range of its type`)
  return { signature: wanted ?? 'i', value }
}

function whole(token: string): bigint {
  const digits = token.replace(/^[-+]/, '')
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits)
  return token.startsWith('-') ? -magnitude : magnitude
}

function double(token: string): Value {
  if (/^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?$/i.test(token)) return Number(token)
  throw new SyntaxError(`can't read ${JSON.stringify(token)}`)
}
