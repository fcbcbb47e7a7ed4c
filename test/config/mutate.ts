/** Mutations of JSON documents, on a tree that can also be what no parser gives: one with a key twice, or a bad number. */
import { describe, isDecimal, type JsonValue } from '../../lib/config/json.js'
import { parseJson } from '../../lib/config/parse.js'

/** A whole number from 0 up to, and without, `below`. */
export type Random = (below: number) => number

export type Tree =
  | { readonly kind: 'object'; readonly members: [string, Tree][] }
  | { readonly kind: 'array'; readonly items: Tree[] }
  /** Written as it is. */
  | { readonly kind: 'text'; readonly text: string }

/** The same numbers for the same seed, on every machine (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

export const readTree = (json: string): Tree => treeOf(parseJson(json))

function treeOf(value: JsonValue): Tree {
  if (Array.isArray(value)) return { kind: 'array', items: value.map(treeOf) }
  if (typeof value === 'bigint') return { kind: 'text', text: String(value) }
  if (isDecimal(value)) return { kind: 'text', text: describe(value) }
  if (value === null || typeof value !== 'object') return { kind: 'text', text: JSON.stringify(value) }
  return { kind: 'object', members: Object.entries(value).map(([key, member]) => [key, treeOf(member as JsonValue)]) }
}

export function writeTree(tree: Tree): string {
  switch (tree.kind) {
    case 'text':
      return tree.text
    case 'array':
      return `[${tree.items.map(writeTree).join(',')}]`
    case 'object':
      return `{${tree.members.map(([key, member]) => `${JSON.stringify(key)}:${writeTree(member)}`).join(',')}}`
  }
}

const copyOf = (tree: Tree): Tree => structuredClone(tree)

/** A place in a tree: what is there, and how something else gets there. */
export interface Place {
  readonly path: string
  readonly tree: Tree
  readonly put: (tree: Tree) => void
  readonly drop: () => void
  readonly double: () => void
}

/** Every place below the root. */
export function placesIn(tree: Tree, path = ''): Place[] {
  if (tree.kind === 'text') return []
  const { kind } = tree
  const list: [string, Tree][] | Tree[] = kind === 'object' ? tree.members : tree.items
  return list.flatMap((entry: [string, Tree] | Tree, index: number) => {
    const [key, inner] = Array.isArray(entry) ? entry : [String(index), entry]
    const place: Place = {
      path: `${path}/${key}`,
      tree: inner,
      put: changed => {
        if (tree.kind === 'object') tree.members[index] = [key, changed]
        else tree.items[index] = changed
      },
      drop: () => void list.splice(index, 1),
      double: () => {
        if (tree.kind === 'object') tree.members.push([key, copyOf(inner)])
        else tree.items.splice(index, 0, copyOf(inner))
      },
    }
    return [place, ...placesIn(inner, place.path)]
  })
}

const text = (value: unknown): Tree => ({ kind: 'text', text: JSON.stringify(value) })

/** What takes the place of anything: numbers at and beyond every limit, texts that nobody expects, other types. */
const STRANGE: readonly Tree[] = [
  ...'0 -0 -1 1 2 7 100 255 256 2147483647 2147483648 -2147483648 -2147483649 4294967295 4294967296'.split(' '),
  ...'9007199254740993 9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616'.split(' '),
  ...`-9223372036854775809 1e400 1e3 0.5 -1e-9 true false null [] {} [[]] [null] [{}] {"":""} ${'9'.repeat(400)}`.split(
    ' ',
  ),
  ...'01 NaN Infinity undefined -'.split(' '),
  String.raw`"\u0000"`,
  String.raw`"a\u0000b"`,
  String.raw`"\ud800"`,
  String.raw`"\udc00x"`,
]
  .map((written): Tree => ({ kind: 'text', text: written }))
  .concat(
    [
      '',
      ' ',
      '/',
      '//',
      '.',
      '..',
      '../../etc',
      '/..',
      '/proc/self/../1/root',
      '-1',
      '0',
      'a=b',
      '=',
      ',',
      'a,b,,c',
    ].map(text),
    ['é', '名前', '😀', '\u202e', '\ufeff', '\n', '\x1b[2J', '%s%n', '__proto__', 'constructor', 'toString'].map(text),
    [text('x'.repeat(300)), text('/x'.repeat(3000)), text('x'.repeat(100_000)), text('a,'.repeat(5000))],
    [nested('[', ']', 50), nested('[', ']', 101), nested('{"a":', '}', 50, '0'), nested('[', ']', 20_000)],
  )

function nested(open: string, close: string, depth: number, inner = ''): Tree {
  return { kind: 'text', text: open.repeat(depth) + inner + close.repeat(depth) }
}

const KEYS = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', '', 'é', 'x'.repeat(300), 'path', 'type']

export interface Mutation {
  /** Changed in place. */
  readonly tree: Tree
  /** Where subtrees of other documents come from. */
  readonly others: readonly Tree[]
  readonly random: Random
  /** Which places may change, by their path. Default: all. */
  readonly may?: (path: string) => boolean
}

/** Changes a tree at one place. */
export function mutate({ tree, others, random, may = () => true }: Mutation): void {
  const places = placesIn(tree).filter(({ path }) => may(path))
  const place = pick(places, random)
  if (place === undefined) return
  const elsewhere = () => pick(placesIn(pick(others, random) ?? tree), random)?.tree ?? tree
  const strange = () => pick(STRANGE, random) ?? tree
  const kinds: readonly (() => void)[] = [
    place.drop,
    place.double,
    () => place.put(copyOf(strange())),
    () => place.put(nudge(place.tree, random)),
    () => place.put(copyOf(elsewhere())),
    () => place.put(copyOf(pick(places, random)?.tree ?? tree)),
    () => addMember({ target: may('') && random(9) === 0 ? tree : place.tree, random, member: copyOf(strange()) }),
    () => addMember({ target: place.tree, random, member: copyOf(elsewhere()) }),
    () => sameNameElsewhere({ tree, others, random }, place),
    () => swap(place, pick(places, random)),
  ]
  pick(kinds, random)?.()
}

export function pick<T>(list: readonly T[], random: Random): T | undefined {
  return list.length === 0 ? undefined : list[random(list.length)]
}

/** A value close to what was there: what only just does not fit, or still fits. */
function nudge(tree: Tree, random: Random): Tree {
  if (tree.kind === 'object') return { kind: 'object', members: [...tree.members].reverse() }
  if (tree.kind === 'array') return { kind: 'array', items: [...tree.items, ...tree.items.map(copyOf)] }
  if (/^-?\d+$/.test(tree.text)) return { kind: 'text', text: String(BigInt(tree.text) + BigInt(random(5) - 2)) }
  if (!tree.text.startsWith('"')) return text(tree.text)
  const inner = JSON.parse(tree.text) as string
  const at = random(inner.length + 1)
  const inserted = pick(['', 'a', '/', '.', '0', '-', ' ', 'é', '\0', ':', '%'], random) ?? ''
  return text(inner.slice(0, at) + inserted + inner.slice(at + random(2)))
}

function addMember({ target, random, member }: { target: Tree; random: Random; member: Tree }): void {
  if (target.kind === 'object') target.members.push([pick(KEYS, random) ?? '', member])
  if (target.kind === 'array') target.items.push(member)
}

/** A subtree of the same name from another document: the likeliest to be accepted. */
function sameNameElsewhere({ others, random }: Mutation, place: Place): void {
  const name = place.path.slice(place.path.lastIndexOf('/'))
  const alike = others.flatMap(other => placesIn(other)).filter(({ path }) => path.endsWith(name))
  place.put(copyOf(pick(alike, random)?.tree ?? place.tree))
}

/** Of two places one of which may be within the other: the tree must stay a tree, so both get copies. */
function swap(one: Place, other: Place | undefined): void {
  if (other === undefined) return
  const [first, second] = [copyOf(one.tree), copyOf(other.tree)]
  one.put(second)
  if (!other.path.startsWith(`${one.path}/`)) other.put(first)
}
