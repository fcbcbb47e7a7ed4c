/** A file system that does not answer: the program that makes a container of what is there goes on, and can give up. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { type CreateOptions, createRuntime } from '../../lib/index.js'
import { leftovers, makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

/**
 * Mounts a file system of FUSE whose daemon answers the first request (FUSE_INIT) and reads no other one, until its standard input
 * ends. "asked" is written when there is a request that it does not read.
 */
const DAEMON = `
import ctypes, os, select, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
where = sys.argv[1].encode()
fd = os.open('/dev/fuse', os.O_RDWR)
options = b'fd=%d,rootmode=40000,user_id=0,group_id=0' % fd
if libc.mount(b'hung', where, b'fuse', 6, options) != 0: raise OSError(ctypes.get_errno(), 'mount')
length, opcode, unique = struct.unpack_from('<IIQ', os.read(fd, 65536))
body = struct.pack('<IIIIHHIIHH', 7, 31, 65536, 0, 12, 9, 4096, 1, 1, 0) + bytes(28)
os.write(fd, struct.pack('<IiQ', 16 + len(body), 0, unique) + body)
print('mounted', flush=True)
ready, _, _ = select.select([fd, 0], [], [])
if fd in ready:
  print('asked', flush=True)
  sys.stdin.read()
libc.umount2(where, 2)
os.close(fd)
`

async function mountHung(t: Test, path: string): Promise<{ asked: Promise<unknown> }> {
  mkdirSync(path)
  const daemon = spawn('python3', ['-c', DAEMON, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(daemon, 'close')
  t.teardown(async () => {
    daemon.stdin.end()
    await closed
  })
  const lines = createInterface(daemon.stdout)[Symbol.asyncIterator]()
  t.equal((await lines.next()).value, 'mounted')
  return { asked: lines.next() }
}

const skip = { skip: missing('root', 'busybox', 'python3'), timeout: 60_000 }

type Made = Pick<ReturnType<typeof makeBundle>, 'bundle' | 'configure'> & { readonly id: string }

/** What is on it, given the path of the file system and a bundle that is not. */
const USES: Readonly<Record<string, (hung: string, made: Made) => CreateOptions>> = {
  'a source of a bind': (hung, { bundle, configure, id }) => {
    configure(config => {
      config.mounts.push({ destination: '/data', type: 'bind', source: `${hung}/x`, options: ['bind'] })
    })
    return { bundle, id }
  },
  'the bundle': (hung, { id }) => ({ bundle: `${hung}/bundle`, id }),
  'the root': (hung, { bundle, configure, id }) => {
    configure(config => {
      config.root = { path: `${hung}/rootfs` }
    })
    return { bundle, id }
  },
  'a layer': (hung, { bundle, id }) => ({
    bundle,
    id,
    rootfs: { layers: [`${bundle}/rootfs`, `${hung}/layer`], upper: 'memory' },
  }),
}

for (const [what, use] of Object.entries(USES)) {
  t.test(`${what} on a file system that does not answer holds its create alone`, skip, async t => {
    const { directory, runtime: other, bundle, configure, id } = makeBundle(t)
    const hung = `${directory}/hung`
    const { asked } = await mountHung(t, hung)
    await other.run({ bundle, id: id('first') })
    const runtime = createRuntime({ root: `${directory}/state`, log: () => {} })
    configure(config => {
      config.linux.cgroupsPath = `/${id('hung')}`
    })
    const descriptors = readdirSync('/proc/self/fd').length
    const controller = new AbortController()
    const options = use(hung, { bundle, configure, id: id('hung') })
    const created = runtime.create({ ...options, stdio: 'ignore', signal: controller.signal })
    await asked
    const ticks = (async () => {
      for (let tick = 0; tick < 20; tick++) await new Promise(resolve => setTimeout(resolve, 5))
      return 'timers'
    })()
    t.equal(await Promise.race([created, ticks]), 'timers', 'it waits, and timers go on')
    controller.abort(new Error('enough'))
    await t.rejects(created, { message: 'enough' })
    t.same(leftovers(id('hung')), [])
    t.same(
      readdirSync(`${directory}/state`).filter(name => !name.startsWith('.')),
      [],
    )
    t.ok(readdirSync('/proc/self/fd').length <= descriptors + 8, 'no descriptor of the container is left')
  })
}
