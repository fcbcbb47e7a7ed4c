/** Files with holes, as GNU tar writes them: in the header (its own format), and as PAX records 0.0, 0.1 and 1.0. */
import { LayerError } from '../errors.js'
import type { ByteSource } from './byte-source.js'
import { paxNumber } from './pax.js'
import { BLOCK, numberAt } from './tar-header.js'

/** Where the bytes in the archive belong; ascending, without overlap. */
export interface Segment {
  readonly offset: number
  readonly size: number
}

export interface SparseMap {
  readonly segments: readonly Segment[]
  /** Of the file with its holes. */
  readonly realSize: number
  /** Bytes in the archive that the map itself took. */
  readonly mapBytes: number
}

/** As many segments as 4 GiB have pages twice: nobody writes more. */
const MOST_SEGMENTS = 1_000_000
const MOST_DIGITS = 20

const malformed = (message: string): LayerError => new LayerError('ERR_LAYER_FORMAT', message)

/** The pairs of 12-byte numbers that a header, or one that goes on, has from `at`. */
function pairsAt(block: Buffer, at: number, count: number): Segment[] {
  const segments: Segment[] = []
  for (let i = 0; i < count && block[at + i * 24] !== 0; i++) {
    segments.push({ offset: numberAt(block, at + i * 24, 12), size: numberAt(block, at + i * 24 + 12, 12) })
  }
  return segments
}

async function whole(source: ByteSource, size: number): Promise<Buffer> {
  const bytes = source.now(size) ?? (await source.take(size))
  if (bytes.length < size) throw malformed('the archive ends within a map of a sparse file')
  return bytes
}

/** Of a header of type `S`. */
export async function gnuSparseMap(header: Buffer, source: ByteSource): Promise<SparseMap> {
  const segments = pairsAt(header, 386, 4)
  const realSize = numberAt(header, 483, 12)
  let isExtended = header[482] !== 0
  while (isExtended) {
    const block = await whole(source, BLOCK)
    for (const segment of pairsAt(block, 0, 21)) segments.push(segment)
    if (segments.length > MOST_SEGMENTS) throw malformed('a sparse file has more than a million segments')
    isExtended = block[504] !== 0
  }
  return { segments, realSize, mapBytes: 0 }
}

function segmentsOf(numbers: readonly number[]): Segment[] {
  const segments: Segment[] = []
  for (let i = 0; i + 1 < numbers.length; i += 2) segments.push({ offset: numbers[i] ?? 0, size: numbers[i + 1] ?? 0 })
  return segments
}

/** Null: the records are about no sparse file. `listed`: the records GNU.sparse.offset and numbytes, in their order. */
export async function paxSparseMap(
  pax: ReadonlyMap<string, string>,
  listed: readonly number[],
  source: ByteSource,
): Promise<SparseMap | null> {
  const number = (key: string): number => paxNumber(key, pax.get(key) ?? '0')
  if (pax.has('GNU.sparse.major')) {
    const isKnown = pax.get('GNU.sparse.major') === '1' && pax.get('GNU.sparse.minor') === '0'
    if (!isKnown) throw malformed('a sparse file is of a format later than 1.0')
    return leadingMap(number('GNU.sparse.realsize'), source)
  }
  const map = pax.get('GNU.sparse.map')
  if (map === undefined && listed.length === 0) return null
  const numbers = map === undefined ? listed : map.split(',').map(text => paxNumber('GNU.sparse.map', text))
  if (numbers.length % 2 !== 0) throw malformed('a map of a sparse file has half a segment')
  return { segments: segmentsOf(numbers), realSize: number('GNU.sparse.size'), mapBytes: 0 }
}

/** 1.0: the content begins with decimal lines, a count and then its pairs, padded to a block. */
async function leadingMap(realSize: number, source: ByteSource): Promise<SparseMap> {
  const numbers: number[] = []
  const isComplete = (): boolean => numbers.length > 0 && numbers.length > 2 * (numbers[0] ?? 0)
  let [rest, mapBytes] = ['', 0]
  while (!isComplete()) {
    const block = await whole(source, BLOCK)
    mapBytes += BLOCK
    const lines = `${rest}${block.toString('latin1')}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (!isComplete()) numbers.push(paxNumber('of the map of a sparse file', line))
    const isTooLong = rest.length > MOST_DIGITS && !isComplete()
    if (isTooLong || numbers.length > 2 * MOST_SEGMENTS)
      throw malformed('a sparse file has no map, or one that is too long')
  }
  return { segments: segmentsOf(numbers.slice(1)), realSize, mapBytes }
}

/** @throws {LayerError} ERR_LAYER_FORMAT unless the segments ascend within the file and are as long as its bytes */
export function checkSparse({ segments, realSize }: SparseMap, stored: number): void {
  let [end, sum] = [0, 0]
  for (const { offset, size } of segments) {
    if (offset < end || size < 0 || !Number.isSafeInteger(offset + size)) {
      throw malformed('a map of a sparse file has segments that overlap')
    }
    end = offset + size
    sum += size
  }
  if (end > realSize || sum !== stored) throw malformed('a map of a sparse file is not that of its bytes')
}
