/** Sources of bind mounts in the root itself, which the mounts before them have made. */
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeBundle, type TestBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, mountAt } from './attempt.js'
import type { MountInput } from './mounting.js'

const skip = { skip: missing('root', 'busybox', 'user-namespaces') }

const IDS = [{ containerID: 0, hostID: 100000, size: 65536 }]

function inUserNamespace({ linux }: TestConfig): void {
  linux.namespaces?.push({ type: 'user' })
  linux.uidMappings = linux.gidMappings = IDS
}

/** As if the image had been made for the user namespace. */
function giveAway(path: string): void {
  chownSync(path, 100000, 100000)
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) giveAway(join(path, entry.name))
}

/** Three directories of the host, each with a link to it, and each with a file in a directory: a/x/file, b/y/file, c/z/file. */
function bundleWithSources(t: Test): TestBundle & { readonly sources: string } {
  const bundle = makeBundle(t)
  const sources = `${bundle.directory}/sources`
  for (const place of ['a/x', 'b/y', 'c/z']) {
    mkdirSync(`${sources}/${place}`, { recursive: true })
    writeFileSync(`${sources}/${place}/file`, `${place}\n`)
    symlinkSync(place[0] ?? '', `${sources}/link-${place[0]}`)
  }
  chmodSync(sources, 0o750)
  for (const name of ['mnt', 'final']) mkdirSync(`${bundle.rootfs}/${name}`)
  return { ...bundle, sources }
}

interface Again {
  readonly rootfs: string
  readonly isMapped: boolean
}

const bind = (source: string, destination: string): MountInput => ({
  ...{ source, destination, type: 'bind' },
  options: ['bind', 'rprivate'],
})

/** Part of what is in the root by then, somewhere else in it. */
const again = ({ rootfs, isMapped }: Again, source: string, destination: string): MountInput => ({
  ...{ source: `${rootfs}${source}`, destination: `${rootfs}${destination}`, type: 'bind' },
  ...(isMapped && { uidMappings: IDS, gidMappings: IDS }),
  options: ['rbind', 'rprivate'],
})

for (const isUser of [false, true]) {
  for (const isMapped of [false, true]) {
    const what = `${isMapped ? 'with' : 'without'} mapped ids, ${isUser ? 'in' : 'without'} a user namespace`
    t.test(`config.md#mounts: a tree of mounts is bound again and again, ${what}`, skip, async t => {
      const { sh, rootfs, sources } = bundleWithSources(t)
      if (isUser) giveAway(rootfs)
      const kind = { rootfs, isMapped }
      const { stdout } = await sh('cat /final/x/y/z/z/x/y/z/x/file; cat /proc/self/mountinfo', config => {
        if (isUser) inUserNamespace(config)
        config.root = { path: 'rootfs', readonly: false }
        config.mounts.push(
          bind(`${sources}/a`, '/mnt'),
          bind(`${sources}/link-b`, '/mnt/x'),
          bind(`${sources}/c`, '/mnt/x/y'),
          bind(`${sources}/link-a`, '/mnt/x/y/z'),
          again(kind, '/mnt/x', '/mnt/x/y/z/x'),
          again(kind, '/mnt/x/y', '/mnt/x/y/z'),
          again(kind, '/mnt', '/final'),
        )
      })
      t.match(stdout, /^a\/x\n/)
      const [table, places] = [stdout.slice(stdout.indexOf('\n') + 1), ['/mnt', '/mnt/x', '/mnt/x/y/z', '/final']]
      const mapped = places.map(place => mountAt(table, place).options.includes('idmapped'))
      t.same(mapped, [false, false, isMapped, isMapped])
    })
  }
}

t.test('config.md#mounts: a destination may begin with the path of the root on the host', skip, async t => {
  const { sh, rootfs, sources } = bundleWithSources(t)
  const { stdout } = await sh(`cat /mnt/x/file; ls -d ${rootfs}`, ({ mounts }) =>
    mounts.push(bind(`${sources}/a`, `${rootfs}/mnt`)),
  )
  t.equal(stdout, 'a/x\n')
  t.notOk(readdirSync(rootfs).includes('tmp/tsrun-test'), 'nothing is made of that path in the root')
})

t.test(
  'config.md#mounts: the ids of a tmpfs of the configuration itself are not mapped if it is bound',
  skip,
  async t => {
    const bundle = bundleWithSources(t)
    const error = await createError(bundle, config => {
      config.mounts.push({ destination: '/mnt', type: 'tmpfs', source: 'tmpfs' })
      config.mounts.push(again({ rootfs: bundle.rootfs, isMapped: true }, '/mnt', '/final'))
    })
    t.match(error, { code: 'ERR_CONFIG_UNSUPPORTED', issues: [{ path: '/mounts/5/source' }] })
  },
)

t.test(
  'config.md#mounts: in a user namespace what a source of the host forbids stays so if it is bound again',
  skip,
  async t => {
    const bundle = bundleWithSources(t)
    const { sources, rootfs } = bundle
    execFileSync('mount', ['--bind', `${sources}/a`, `${sources}/a`])
    t.teardown(() => execFileSync('umount', [`${sources}/a`]))
    execFileSync('mount', ['-o', 'remount,bind,ro', `${sources}/a`])
    const change =
      (...options: string[]) =>
      (config: TestConfig) => {
        inUserNamespace(config)
        const source = `${rootfs}/mnt`
        config.mounts.push(bind(`${sources}/a`, '/mnt'), { destination: '/final', source, type: 'bind', options })
      }
    giveAway(rootfs)
    const fault = { code: 'ERR_LAUNCH_OP', configPath: '/mounts/5', errno: 'EPERM' }
    t.match(await createError(bundle, change('bind', 'rw')), fault)
    const { stdout } = await bundle.sh('cat /proc/self/mountinfo', change('bind', 'nosuid'))
    t.same(mountAt(stdout, '/final').options.slice(0, 2), ['ro', 'nosuid'])
  },
)

t.test('config.md#mounts: a link of the image on the way to a source inside is refused', skip, async t => {
  const { configure, runtime, bundle, id, rootfs, sources } = bundleWithSources(t)
  rmSync(`${rootfs}/final`, { recursive: true })
  symlinkSync('/etc', `${sources}/a/away`)
  configure(({ mounts }) => {
    mounts.push(bind(`${sources}/a`, '/mnt'), {
      ...again({ rootfs, isMapped: true }, '/mnt/away', '/data'),
    })
  })
  const fault = { code: 'ERR_SAFETY_PATH', configPath: '/mounts/5' }
  await t.rejects(runtime.create({ id: id(), bundle, stdio: 'ignore' }), fault)
})
