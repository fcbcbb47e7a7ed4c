/** What lib uses of Node's modules, tried out: seam.test.ts runs this on both engines and compares what comes of it. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { isIP } from 'node:net'
import { constants as numbers } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { getSystemErrorMap } from 'node:util'

/** The value, or what is thrown. */
function outcome(run: () => unknown): unknown {
  try {
    return run() ?? null
  } catch (error) {
    const { message, code, errno, syscall, path } = error as NodeJS.ErrnoException
    return { message, code, errno, syscall, path }
  }
}

const BYTES = ['', '61', 'c3a9', 'e282ac', 'f09f9880', 'ff', 'c328', 'e28228', 'f0288cbc', 'eda080', 'f4908080', 'c0af']
const BROKEN = ['e282', 'f09f98', '61ff62', 'c3', 'efbbbf61', '80', 'f09f61', 'e0809f', 'f08080af']
const TEXTS = ['', 'a', 'é', '€', '😀', 'a\0b', '\ud800', 'x\udc00y', '\ud83d', '\ufeffa']
const decodings = () =>
  [...BYTES, ...BROKEN].map(hex => {
    const bytes = Buffer.from(hex, 'hex')
    const decode = (fatal: boolean) => outcome(() => new TextDecoder('utf-8', { fatal, ignoreBOM: true }).decode(bytes))
    const strict = decode(true)
    return [
      bytes.toString('utf8'),
      decode(false),
      new TextDecoder().decode(bytes),
      typeof strict === 'string' ? strict : null,
    ]
  })
const encodings = () =>
  TEXTS.map(text => [
    Buffer.from(text).toString('hex'),
    Buffer.byteLength(text),
    Buffer.from(new TextEncoder().encode(text)).toString('hex'),
  ])

function numbersInBuffers(): unknown {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt8(200, 0)
  bytes.writeUInt16LE(65000, 1)
  bytes.writeInt32LE(-5, 3)
  bytes.writeUInt32LE(4e9, 7)
  bytes.writeBigUInt64LE(2n ** 64n - 2n, 11)
  bytes.writeDoubleLE(-1.25, 19)
  const part = bytes.subarray(3, 19)
  const read = [
    part.readInt32LE(0),
    part.readUInt32LE(4),
    String(part.readBigUInt64LE(8)),
    String(part.readBigInt64LE(8)),
  ]
  const wrong = [() => bytes.writeUInt8(256, 0), () => bytes.writeInt32LE(2 ** 31, 0), () => bytes.readUInt32LE(30)]
  const copied = Buffer.alloc(4)
  part.copy(copied, 1, 0, 8)
  return [
    bytes.toString('hex'),
    read,
    wrong.map(run => typeof outcome(run)),
    copied.toString('hex'),
    Buffer.concat([part, copied]).length,
    [Buffer.compare(part, copied), part.equals(bytes.subarray(3, 19)), Buffer.from([1, 2]).toString('latin1')],
    part instanceof Buffer,
  ]
}

const PATHS = ['', '/', 'a', '/a/', '/a/b/../c', '../a', './a//b', '/..', 'a/../..', '/a/./b/', '//x', 'a/b.c']
const paths = () =>
  PATHS.map(path => [
    basename(path),
    dirname(path),
    join(path, 'x'),
    join('/r', path),
    resolve('/base', path),
    resolve(path, '/y'),
  ])

const ADDRESSES = [
  '1.2.3.4',
  '01.2.3.4',
  '256.1.1.1',
  '::',
  '::1',
  '1::2::3',
  'fe80::1%eth0',
  '1:2:3:4:5:6:7:8',
  '::1.2.3.4',
  'g::',
  '',
]

function files(folder: string): unknown {
  const at = (name: string) => `${folder}/${name}`
  const fd = fs.openSync(at('a'), 'wx', 0o640)
  const written = fs.writeSync(fd, 'héllo\n')
  const { size, mode, nlink } = fs.fstatSync(fd)
  fs.closeSync(fd)
  fs.appendFileSync(at('a'), 'more')
  fs.writeFileSync(at('b'), Buffer.from('ff00', 'hex'), { mode: 0o600, flag: 'wx' })
  fs.mkdirSync(at('d/e/f'), { recursive: true })
  fs.renameSync(at('b'), at('d/b'))
  fs.chmodSync(at('d/b'), 0o604)
  fs.lchownSync(at('d/b'), process.geteuid?.() ?? 0, process.getegid?.() ?? 0)
  const middle = Buffer.alloc(4)
  const reading = fs.openSync(at('a'), fs.constants.O_RDONLY)
  const got = [fs.readSync(reading, middle, 1, 3, 2), fs.readSync(reading, middle, 0, 1, null), middle.toString('hex')]
  fs.closeSync(reading)
  const entries = fs
    .readdirSync(folder, { withFileTypes: true })
    .map(entry => [entry.name, entry.isDirectory(), entry.isSymbolicLink()])
  return {
    written,
    status: [
      size,
      mode,
      nlink,
      fs.statSync(at('d')).isDirectory(),
      fs.lstatSync(at('a')).isFile(),
      fs.statSync(at('a')).size,
      fs.statSync(at('d/b')).mode,
    ],
    text: [fs.readFileSync(at('a'), 'utf8'), (fs.readFileSync(at('d/b')) as Buffer).toString('hex')],
    got,
    entries: entries.sort(),
    names: fs.readdirSync(folder).sort(),
    links: [
      fs.realpathSync(at('d/../a')),
      fs.readlinkSync('/proc/self/fd/0') !== '',
      fs.existsSync(at('x')),
      fs.statfsSync('/proc').type,
    ],
    proc: fs.readFileSync('/proc/self/status', 'utf8').startsWith('Name:'),
    errors: failures(at).map(outcome),
  }
}

const failures = (at: (name: string) => string): readonly (() => unknown)[] => [
  () => fs.openSync(at('no'), 'r'),
  () => fs.openSync(at('a'), 'wx'),
  () => fs.openSync(at('a/x'), 'r'),
  () => fs.readFileSync(at('d'), 'utf8'),
  () => fs.readFileSync('/no/such'),
  () => fs.statSync(at('no')),
  () => fs.lstatSync(at('no')),
  () => fs.mkdirSync(at('d')),
  () => fs.mkdirSync('/proc/x/y'),
  () => fs.rmdirSync(at('d')),
  () => fs.unlinkSync(at('no')),
  () => fs.chmodSync(at('no'), 0o600),
  () => fs.lchownSync(at('no'), 0, 0),
  () => fs.renameSync(at('no'), at('z')),
  () => fs.readdirSync(at('a')),
  () => fs.readlinkSync(at('a')),
  () => fs.accessSync(at('a'), fs.constants.X_OK),
  () => fs.closeSync(9999),
  () => fs.fstatSync(9999),
]

export function tryAll(folder: string): unknown {
  const hash = createHash('sha256').update('a').update(Buffer.alloc(200, 7)).digest('hex')
  return {
    decodings: decodings(),
    encodings: encodings(),
    buffers: numbersInBuffers(),
    paths: paths(),
    addresses: ADDRESSES.map(isIP),
    files: files(folder),
    hash: [
      hash,
      ...[0, 55, 56, 63, 64, 119, 120].map(length => createHash('sha256').update(Buffer.alloc(length)).digest('hex')),
    ],
    system: [numbers.errno, numbers.signals, [...getSystemErrorMap()]],
    process: [process.cwd(), process.arch, process.geteuid?.(), process.env.SEAM, typeof process.hrtime()[1]],
  }
}

/** The order in which what is due comes. */
export async function tryOrder(): Promise<readonly string[]> {
  const order: string[] = []
  const note = (name: string) => () => void order.push(name)
  const controller = new AbortController()
  controller.signal.addEventListener('abort', note('abort'), { once: true })
  setTimeout(note('late'), 30)
  const stopped = setTimeout(note('never'), 10)
  setTimeout(() => {
    note('early')()
    queueMicrotask(note('micro after early'))
    setImmediate(note('immediate after early'))
  }, 5)
  setImmediate(note('immediate'))
  queueMicrotask(note('micro'))
  controller.abort(new Error('reason'))
  clearTimeout(stopped)
  await new Promise(resolve => setTimeout(resolve, 60))
  return [...order, String(controller.signal.aborted), (controller.signal.reason as Error).message]
}
