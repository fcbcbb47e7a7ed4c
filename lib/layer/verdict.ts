/** What native/layer answers (native/layer/answer.c). */
import { LayerError } from '../errors.js'
import { errnoMessage, errnoName } from '../sys/errno.js'
import type { ByteSource } from './byte-source.js'
import { shown } from './layer-limits.js'
import { ORDERS } from './orders.js'
import { textAt } from './tar-header.js'

const KINDS = { mapped: 1, done: 2, failed: 3, refused: 4 } as const
export const ANSWER_BYTES = 24
const CALL_AT = 8

export interface WriterAnswer {
  readonly kind: keyof typeof KINDS
  readonly order: number
  readonly call: string
  readonly errno: string
  /** Bytes (latin1); the reason of a refusal. */
  readonly path: string
}

/** The next answer; null: it has ended without one. */
export async function readAnswer(source: ByteSource): Promise<WriterAnswer | null> {
  const head = await source.take(ANSWER_BYTES)
  const rest = head.length < ANSWER_BYTES ? null : await source.take(head.readUInt16LE(2))
  return rest === null ? null : answerOf(head, rest)
}

/** Of its two parts: a head, and a path. */
export function answerOf(head: Buffer, path: Buffer): WriterAnswer {
  const [kind] = Object.entries(KINDS).find(([, code]) => code === head[0]) ?? ['refused']
  return {
    kind: kind as WriterAnswer['kind'],
    order: head[1] ?? 0,
    call: textAt(head, CALL_AT, ANSWER_BYTES - CALL_AT),
    errno: errnoName(head.readUInt32LE(4)),
    path: path.toString('latin1'),
  }
}

const NAMES = new Map<number, string>(Object.entries(ORDERS).map(([name, code]) => [code, name]))

/** What is worth knowing beyond the errno's own meaning. */
function hintOf({ call, errno, order }: WriterAnswer): string {
  const name = NAMES.get(order)
  if (name === 'link' && errno === 'ENOENT') return 'the layer has not got what it links to'
  if (call === 'openat2' && errno === 'ELOOP')
    return 'a directory above it is a symbolic link of this layer, which is never followed'
  if (call === 'openat2' && errno === 'ENOTDIR') return 'what is above it in this layer is no directory'
  if (call === 'fsetxattr' && errno === 'EOPNOTSUPP') return 'the file system has no extended attributes of this kind'
  if (['fchown', 'fchownat'].includes(call) && errno === 'EINVAL') return 'its owner has no id in the mappings'
  return errnoMessage(errno)
}

const UNSAFE = new Set(['ELOOP', 'ENOTDIR'])

/** The error for an answer that is neither `done` nor `mapped`. */
export function errorOf(answer: WriterAnswer): LayerError {
  if (answer.kind === 'refused') {
    return new LayerError('ERR_LAYER_DIED', `the layer writer was sent ${answer.path}: this is a bug of tsrun`)
  }
  const { call, errno, path } = answer
  const isUnsafe = call === 'openat2' && UNSAFE.has(errno)
  const fields = { entry: shown(path), syscall: call, errno }
  return new LayerError(
    isUnsafe ? 'ERR_LAYER_UNSAFE' : 'ERR_LAYER_WRITE',
    `${call}: ${errno}: ${hintOf(answer)}`,
    fields,
  )
}
