/** A helper that others have got hold of, or that is none: whatever it says, create fails with an error of ours, and leaves nothing. */
import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { createRuntime, isTsrunError } from '../../lib/index.js'
import { leftovers, makeBundle } from '../bundle.js'
import { compileProgram } from '../compile-program.js'
import { missing } from '../needs.js'

const frame = (...bytes: readonly number[]): Buffer => framed(Buffer.from(bytes))

function framed(body: Buffer, length = body.length): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32LE(length)
  return Buffer.concat([head, body])
}

/** [1, pid] */
function cloned(pid: number): Buffer {
  const body = Buffer.from([0x82, 1, 0x1a, 0, 0, 0, 0])
  body.writeUInt32BE(pid, 3)
  return framed(body)
}

const LIVES = frame(0x82, 8, 0)
const STILLBORN = frame(0x82, 7, 0)
const times = (count: number, bytes: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => bytes))

function forgeries(canary: number): Readonly<Record<string, Buffer>> {
  return {
    'an empty frame': frame(),
    'no CBOR': frame(0xff, 0xff, 0xff),
    'a number': frame(1),
    'a text': frame(0x61, 0x61),
    'a map': frame(0xa1, 1, 2),
    'an array that is cut off': frame(0x9f, 1),
    'an array of 2^63 items': frame(0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    'a text of 2^31 bytes': frame(0x82, 2, 0x7a, 0x7f, 0xff, 0xff, 0xff),
    'arrays in arrays': framed(Buffer.alloc(8000, 0x81)),
    'tags in tags': framed(Buffer.alloc(8000, 0xd8)),
    'a frame that is longer than any': framed(Buffer.alloc(200_000, 0x80)),
    'a length of 2^32 - 1': framed(Buffer.from([0x82, 1, 0]), 0xffff_ffff),
    'half a head': Buffer.from([7, 0]),
    'half a frame': framed(Buffer.from([0x82]), 7),
    'a kind that there is not': frame(0x82, 0x17, 0),
    'a kind that is a text': frame(0x82, 0x61, 0x61, 0),
    'a barrier before its time': frame(0x82, 0, 0x18, 0x39),
    'a barrier that there is not': frame(0x82, 0, 0x19, 0xff, 0xff),
    'an op that there is not': frame(0x85, 2, 0x19, 0xff, 0xff, 0x61, 0x61, 1, 0x60),
    'errors that there are not': frame(0x85, 2, 0, 0xf6, 0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf6),
    'a violation that there is not': frame(0x84, 3, 0, 0x19, 0xff, 0xff, 0x61, 0x61),
    'a refusal': frame(0x83, 4, 0, 0x61, 0x61),
    'a birth that there is not': frame(0x83, 6, 0x18, 0x63, 0x19, 0xff, 0xff),
    'a listener that nobody asked for': frame(0x82, 5, 0),
    'the first process of the machine': cloned(1),
    'this process': cloned(process.pid),
    'a child of this process': Buffer.concat([cloned(canary), LIVES]),
    'a process that is not there': cloned(0x3fffff),
    'a negative process': frame(0x82, 1, 0x20),
    'a process of 64 bits': frame(0x82, 1, 0x1b, 0, 0, 0, 1, 0, 0, 0, 1),
    'a process that is a fraction': frame(0x82, 1, 0xf9, 0x3c, 0x01),
    'life before birth': LIVES,
    'death before birth': times(500, STILLBORN),
    'births without end': times(500, cloned(canary)),
  }
}

const openFds = (): readonly string[] => readdirSync('/proc/self/fd')
const childrenOf = () =>
  readFileSync('/proc/thread-self/children', 'utf8').trim().split(' ').filter(Boolean).map(Number)

t.test('a made-up helper', { skip: missing('root', 'busybox', 'cc'), timeout: 300_000 }, async t => {
  const box = makeBundle(t)
  const native = join(box.bundle, 'native')
  const forged = join(box.bundle, 'forged')
  mkdirSync(native)
  // The add-ons are looked for from there.
  symlinkSync(resolve('node_modules'), join(box.bundle, 'node_modules'))
  copyFileSync('native/build/libtsrun.so', join(native, 'libtsrun.so'))
  const source = readFileSync(new URL('./forger.c', import.meta.url), 'utf8')
  compileProgram(`#define FORGED ${JSON.stringify(forged)}\n${source}`, join(native, 'tsrun-init'))
  const runtime = createRuntime({ root: box.runtime.root, native, log: () => {} })

  const canary = spawn('/bin/busybox', ['sleep', '1000'], { stdio: 'ignore' })
  t.teardown(() => canary.kill('SIGKILL'))
  await new Promise(resolve => canary.once('spawn', resolve))

  const attempt = async (what: string, bytes: Buffer, { fds = 0, waits = false } = {}): Promise<void> => {
    writeFileSync(forged, Buffer.concat([Buffer.from([fds, waits ? 1 : 0]), bytes]))
    const id = box.id()
    const started = performance.now()
    // What says nothing more is waited for as long as the caller does.
    const patience = waits ? { signal: AbortSignal.timeout(300) } : {}
    const error: unknown = await runtime
      .create({ id, bundle: box.bundle, stdio: 'ignore', ...patience })
      .catch(reason => reason)
    const isOurs = isTsrunError(error) && /^ERR_(LAUNCH|PLAN|SAFETY|SYSTEM)/.test(error.code)
    const isGivenUp = waits && error instanceof Error && error.name === 'TimeoutError'
    t.ok(isOurs || isGivenUp, `${what}${waits ? ', and it stays' : ''}: ${error}`)
    t.ok(performance.now() - started < 10_000, 'in bounded time')
    t.strictSame(leftovers(id), [])
    t.strictSame(childrenOf(), [canary.pid], 'children')
  }
  const entries = Object.entries(forgeries(canary.pid ?? 0))
  await attempt('nothing', Buffer.from([0]))
  // What is open once for this process is by now.
  const before = openFds().length
  for (const [what, bytes] of entries) await attempt(what, bytes)
  for (const [what, bytes] of entries.filter((_, index) => index % 4 === 0)) await attempt(what, bytes, { waits: true })
  await attempt('with descriptors', frame(0x82, 0, 0), { fds: 100 })
  await attempt('with descriptors', times(20, LIVES), { fds: 100, waits: true })
  t.strictSame(
    readdirSync(box.runtime.root).filter(name => !name.startsWith('.')),
    [],
    'the ids are free',
  )
  t.ok(openFds().length <= before, 'no descriptor is left')
  t.equal(canary.exitCode ?? canary.signalCode, null, 'the child of this process lives')
})
