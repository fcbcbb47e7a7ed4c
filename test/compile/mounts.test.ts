import t from 'tap'
import type { OciConfig, OciMount } from '../../lib/config/oci-config.js'
import { MOUNT_ATTR, MS } from '../../lib/plan/flags.js'
import { RESOLVE } from '../../lib/plan/ops.js'
import { argsOf, compileCase, documentOf, namesOf, readFacts } from './cases.js'

const RDONLY = BigInt(MOUNT_ATTR.RDONLY)

function withMounts(...mounts: OciMount[]): OciConfig {
  return { ...documentOf('minimal'), mounts }
}

const planOf = (document: OciConfig, options = {}) => compileCase('minimal', { document, options }).plan

t.test('a relative source starts at the bundle, an absolute one is left as it is', async t => {
  const bind = (source: string) => ({ destination: '/x', source, options: ['rbind'] })
  const { slots } = planOf(withMounts(bind('data'), bind('/srv/data')))
  const trees = slots.filter(slot => slot.kind === 'tree')
  t.same(
    trees.map(({ path }) => path),
    ['/bundle/rootfs', '/bundle/data', '/srv/data'],
  )
  t.equal(trees[1]?.origin, '/mounts/0/source')
})

t.test('destinations are cleaned, and relative ones start at the root', async t => {
  const { ops } = planOf(withMounts({ destination: 'a/../b//c/', type: 'tmpfs', source: 'x' }))
  t.equal(ops.find(({ op }) => op === 'mount_fs')?.origin, '/mounts/0')
  t.equal(argsOf(planOf(withMounts({ destination: 'a/../b//c/', type: 'tmpfs' })), 'mount_fs')[0]?.path, '/b/c')
})

t.test('proc and sysfs are mounted where no link leads', async t => {
  const types = ['proc', 'sysfs', 'tmpfs']
  const plan = planOf(withMounts(...types.map(type => ({ destination: `/${type}`, type, source: type }))))
  t.same(
    argsOf(plan, 'mount_fs').map(({ resolve }) => resolve),
    [RESOLVE.NO_SYMLINKS | RESOLVE.ON_PROCFS, RESOLVE.NO_SYMLINKS, RESOLVE.KEEP_MODE],
  )
})

t.test('a procfs is covered by another one, and by the files that tell of the host, and by nothing else', async t => {
  const bind = (destination: string) => ({ destination, source: '/x', options: ['bind'] })
  const plan = planOf(withMounts(bind('/proc'), bind('/proc/cpuinfo'), bind('/sys/../proc/net/dev'), bind('/data')))
  t.same(
    argsOf(plan, 'attach').map(({ resolve }) => resolve),
    [RESOLVE.NO_SYMLINKS | RESOLVE.ON_PROCFS | RESOLVE.IS_PROCFS, RESOLVE.ON_PROCFS, RESOLVE.ON_PROCFS, 0],
  )
})

t.test('attributes that shall be cleared reach the kernel, also for the whole tree', async t => {
  const options = ['rbind', 'rw', 'exec', 'rnosuid', 'rdev', 'noatime', 'rslave']
  const [attach] = argsOf(planOf(withMounts({ destination: '/x', source: '/x', options })), 'attach')
  t.equal(attach?.clear, BigInt(MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOEXEC | MOUNT_ATTR.NODIRATIME) | 0x70n)
  t.equal(attach?.set, BigInt(MOUNT_ATTR.NOATIME))
  t.equal(attach?.recSet, BigInt(MOUNT_ATTR.NOSUID))
  t.equal(attach?.recClear, BigInt(MOUNT_ATTR.NODEV))
  t.equal(attach?.propagation, MS.SLAVE | MS.REC)
})

t.test('a remount changes what is there', async t => {
  const plan = planOf(withMounts({ destination: '/dev/shm', options: ['remount', 'ro', 'nosuid'] }))
  t.match(argsOf(plan, 'set_attributes'), [{ path: '/dev/shm', set: BigInt(MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID) }])
})

t.test('a tmpfs that is to be read-only stays writable until all is made in it', async t => {
  const tmpfs = { destination: '/run', type: 'tmpfs', source: 'tmpfs', options: ['ro', 'nosuid'] }
  const inside = { destination: '/run/data', source: '/srv', options: ['bind'] }
  const plan = planOf(withMounts(tmpfs, inside))
  t.equal(argsOf(plan, 'mount_fs')[0]?.attributes, BigInt(MOUNT_ATTR.NOSUID))
  t.match(argsOf(plan, 'set_attributes'), [{ path: '/run', set: RDONLY }])
  t.ok(namesOf(plan).indexOf('set_attributes') > namesOf(plan).indexOf('attach'))
  const alone = planOf(withMounts(tmpfs))
  t.equal(argsOf(alone, 'mount_fs')[0]?.attributes, BigInt(MOUNT_ATTR.NOSUID) | RDONLY)
  t.same(argsOf(alone, 'set_attributes'), [])
})

t.test('a read-only /dev gets its devices first', async t => {
  const plan = planOf(withMounts({ destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['ro'] }))
  t.ok(namesOf(plan).indexOf('set_attributes') > namesOf(plan).lastIndexOf('symlink'))
})

t.test('the working directory is made before the tmpfs that it is in is sealed', async t => {
  const document = withMounts({ destination: '/run', type: 'tmpfs', source: 'tmpfs', options: ['ro'] })
  const process = { cwd: '/run/work', args: ['/bin/true'] }
  const names = namesOf(planOf({ ...document, process }))
  t.ok(names.lastIndexOf('mkdir', names.indexOf('pivot_root')) < names.indexOf('set_attributes'))
})

t.test('a device that can only be read is asked for read-only', async t => {
  const plan = planOf(withMounts({ destination: '/x', type: 'iso9660', source: '/dev/sr0', options: ['ro', 'norock'] }))
  t.match(argsOf(plan, 'mount_fs'), [{ options: ['ro', 'norock'], attributes: RDONLY }])
})

t.test('a remount tells the file system what is of the file system, and the mount the rest', async t => {
  const tmpfs = { destination: '/dev/shm', type: 'tmpfs', source: 'shm' }
  const plan = planOf(withMounts(tmpfs, { destination: '/dev/shm', options: ['remount', 'size=1k', 'ro', 'lazytime'] }))
  t.match(argsOf(plan, 'reconfigure'), [{ path: '/dev/shm', options: ['lazytime', 'size=1k'] }])
  t.match(argsOf(plan, 'set_attributes'), [{ path: '/dev/shm', set: RDONLY }])
})

t.test('a tmpfs that copies what it hides is sealed afterwards, and keeps its own mode if it has one', async t => {
  const tmpfs = (...options: string[]) => ({ destination: '/run', type: 'tmpfs', options: ['tmpcopyup', ...options] })
  const resolveOf = (...options: string[]) => argsOf(planOf(withMounts(tmpfs(...options))), 'mount_fs')[0]?.resolve
  t.equal(resolveOf(), RESOLVE.COPY_UP | RESOLVE.COPY_MODE)
  for (const option of ['mode=700', 'uid=1', 'gid=1']) t.equal(resolveOf(option), RESOLVE.COPY_UP, option)
  const sealed = planOf(withMounts(tmpfs('ro')))
  t.equal(argsOf(sealed, 'mount_fs')[0]?.attributes, 0n)
  t.match(argsOf(sealed, 'set_attributes'), [{ path: '/run', set: RDONLY }])
})

t.test('mapped ids are those of the mount, else those of the user namespace', async t => {
  const range = { containerID: 0, hostID: 5, size: 1 }
  const own = { uidMappings: [range], gidMappings: [range] }
  const byOf = (mount: Partial<OciMount>, linux: object) => {
    const document = withMounts({ destination: '/x', ...mount })
    const { slots } = planOf({ ...document, linux: { ...document.linux, ...linux } })
    return slots.flatMap(slot => (slot.kind === 'idmapped_tree' || slot.kind === 'idmapped_filesystem' ? [slot] : []))
  }
  const bind = { source: '/s', options: ['rbind', 'ridmap'] }
  const user = (path?: string) => ({ namespaces: [{ type: 'mount' }, { type: 'user', ...(path && { path }) }] })
  const mappings = { uidMappings: [{ ...range, size: 10 }], gidMappings: [{ ...range, size: 20 }] }
  t.match(byOf({ ...bind, ...own }, {}), [
    {
      kind: 'idmapped_tree',
      path: '/s',
      recursive: true,
      idmap: { recursive: true, by: { uid: [range], gid: [range] } },
    },
  ])
  t.match(byOf(bind, { ...user(), ...mappings }), [{ idmap: { by: { uid: [{ size: 10 }], gid: [{ size: 20 }] } } }])
  t.match(byOf(bind, user('/ns')), [{ idmap: { by: { namespace: '/ns' }, origin: '/mounts/0' } }])
  const tmpfs = { type: 'tmpfs', source: 'x', options: ['size=1k', 'idmap', 'noatime'], ...own }
  t.match(byOf(tmpfs, {}), [{ kind: 'idmapped_filesystem', type: 'tmpfs', options: ['size=1k'] }])
  const document = withMounts({ destination: '/x', ...tmpfs })
  t.match(argsOf(planOf(document), 'attach'), [{ set: BigInt(MOUNT_ATTR.NOATIME), clear: 0x70n }])
  const own0 = [{ containerID: 0, hostID: 0, size: 1 }]
  const rootless = { ...document, linux: { ...user(), uidMappings: own0, gidMappings: own0 } } as OciConfig
  t.throws(() => compileCase('minimal', { document: rootless, facts: { permitted: 0n } }), {
    code: 'ERR_HOST_PRIVILEGE',
    needs: 'CAP_SYS_ADMIN to map the ids of a mount (/mounts/0)',
  })
})

t.test('what a bind in a user namespace takes away is looked at before', async t => {
  const clearedOf = (namespaces: readonly { type: 'mount' | 'user' }[], ...options: string[]) => {
    const document = withMounts({ destination: '/x', source: '/s', options })
    const mappings = [{ containerID: 0, hostID: 5, size: 1 }]
    const user = namespaces.length > 1 ? { uidMappings: mappings, gidMappings: mappings } : {}
    const { slots } = planOf({ ...document, linux: { ...document.linux, namespaces, ...user } })
    return slots.flatMap(slot => (slot.kind === 'tree' && slot.path === '/s' ? [slot.cleared] : []))
  }
  const inUser = [{ type: 'mount' }, { type: 'user' }] as const
  const cleared = { mount: MOUNT_ATTR.RDONLY, tree: MOUNT_ATTR.NOEXEC, times: null }
  t.same(clearedOf(inUser, 'bind', 'rw', 'rexec', 'atime'), [cleared])
  t.same(clearedOf(inUser, 'bind', 'noatime'), [{ mount: 0, tree: 0, times: MOUNT_ATTR.NOATIME }])
  t.same(clearedOf(inUser, 'bind', 'ro', 'atime'), [undefined])
  t.same(clearedOf([{ type: 'mount' }], 'bind', 'rw'), [undefined])
})

t.test('an overlay with more layers than one option holds gets them one by one', async t => {
  const layers = Array.from({ length: 30 }, (_, index) => `/srv/layers/${index}`)
  const overlay = (lowerdir: string) =>
    withMounts({ destination: '/x', type: 'overlay', options: [`lowerdir=${lowerdir}`] })
  const optionsOf = (lowerdir: string, kernel: [number, number] = [6, 8]) =>
    argsOf(compileCase('minimal', { document: overlay(lowerdir), facts: { kernel } }).plan, 'mount_fs')[0]?.options
  t.same(optionsOf('/a:/b'), ['lowerdir=/a:/b'])
  t.same(
    optionsOf(layers.join(':')),
    layers.map(layer => `lowerdir+=${layer}`),
  )
  t.same(optionsOf(`${layers.join(':')}:${String.raw`/a\:b`}::/data::/more`)?.slice(30), [
    'lowerdir+=/a:b',
    'datadir+=/data',
    'datadir+=/more',
  ])
  t.throws(() => optionsOf(layers.join(':'), [6, 7]), {
    code: 'ERR_HOST_KERNEL',
    needs: 'Linux 6.8 for an overlay with a lowerdir of more than 255 bytes (/mounts/0/options)',
    found: 'Linux 6.7',
  })
  t.throws(() => optionsOf(`/${'x'.repeat(300)}:/a`), {
    code: 'ERR_CONFIG_INVALID',
    issues: [{ path: '/mounts/0/options' }],
  })
})

t.test('the propagation of the root decides what a copied tree starts with', async t => {
  const flagsOf = (rootfsPropagation: 'shared' | 'private' | 'unbindable' | 'rslave' | undefined) => {
    const document = documentOf('minimal')
    const linux = { ...document.linux, ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }) }
    const plan = planOf({ ...document, linux })
    return [argsOf(plan, 'propagation')[0]?.flags, argsOf(plan, 'root_attr')[0]?.propagation]
  }
  t.same(flagsOf(undefined), [MS.SLAVE | MS.REC, undefined])
  t.same(flagsOf('rslave'), [MS.SLAVE | MS.REC, undefined])
  t.same(flagsOf('private'), [MS.PRIVATE | MS.REC, undefined])
  t.same(flagsOf('shared'), [MS.SHARED | MS.REC, MS.SHARED])
  t.same(flagsOf('unbindable'), [MS.PRIVATE | MS.REC, MS.UNBINDABLE])
})

t.test('without a mount namespace the propagation of the root may not be changed', async t => {
  const document = documentOf('no-mount-namespace')
  t.throws(() => planOf({ ...document, linux: { ...document.linux, rootfsPropagation: 'shared' } }), {
    code: 'ERR_CONFIG_INVALID',
    issues: [{ path: '/linux/rootfsPropagation' }],
  })
})

t.test('the barrier before the switch of the root is there for those who need it', async t => {
  const hook = { path: '/bin/true' }
  const has = (hooks: object, options = {}) =>
    namesOf(planOf({ ...documentOf('minimal'), hooks }, options)).includes('prepare')
  for (const kind of ['prestart', 'createRuntime', 'createContainer']) t.ok(has({ [kind]: [hook] }), kind)
  for (const kind of ['startContainer', 'poststart', 'poststop']) t.notOk(has({ [kind]: [hook] }), kind)
  t.ok(has({}, { prepareBarrier: true }))
})

t.test('a mount label is given to the file systems that take one', async t => {
  const mounts = ['proc', 'tmpfs', 'mqueue', 'devpts'].map(type => ({ destination: `/${type}`, type, source: type }))
  const document = documentOf('minimal')
  const linux = { ...document.linux, mountLabel: 'u:r:t:s0' }
  const { plan } = compileCase('minimal', { document: { ...document, mounts, linux }, facts: { selinux: true } })
  t.same(
    argsOf(plan, 'mount_fs').map(({ options }) => options.includes('context=u:r:t:s0')),
    [false, true, false, true],
  )
})

t.test('cgroups are read-only if the configuration says so, in every variant', async t => {
  const mount = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup' }
  for (const host of ['docker-v1', 'docker-v2', 'cgroup-mount-hybrid']) {
    for (const namespaces of [[{ type: 'mount' }], [{ type: 'mount' }, { type: 'cgroup' }]] as const) {
      const linux = { namespaces }
      const plan = (options: string[]) =>
        compileCase('minimal', {
          document: { ...documentOf('minimal'), linux, mounts: [{ ...mount, options }] },
          facts: readFacts(host),
        }).plan
      const title = `${host} with ${namespaces.length - 1} cgroup namespaces`
      const mounted = ({ ops }: ReturnType<typeof plan>) =>
        ops.flatMap(({ op, args }) => (op === 'mount_fs' ? [args.attributes] : op === 'attach' ? [args.set] : []))
      const readOnly = plan(['ro'])
      const sealed = argsOf(readOnly, 'set_attributes').filter(({ set }) => set === RDONLY).length
      const writable = mounted(readOnly).filter(attributes => (attributes & RDONLY) === 0n).length
      t.equal(writable, sealed, title)
      t.ok(
        mounted(plan([])).every(attributes => (attributes & RDONLY) === 0n),
        `${title}, writable`,
      )
      t.ok(
        mounted(plan([])).every(attributes => (attributes & 14n) === 14n),
        `${title}, no programs or devices`,
      )
    }
  }
})

t.test('cgroup2 is the unified hierarchy, on a hybrid host too', async t => {
  const document = withMounts({ destination: '/sys/fs/cgroup', type: 'cgroup2', source: 'cgroup', options: ['ro'] })
  const on = (host: string) => compileCase('minimal', { document, facts: { cgroup: readFacts(host).cgroup } }).plan
  for (const host of ['docker-v2', 'cgroup-mount-hybrid']) {
    const { slots } = on(host)
    const index = readFacts(host).cgroup.hierarchies.findIndex(({ version }) => version === 2)
    t.match(
      slots.filter(({ kind }) => kind === 'cgroup_tree'),
      [{ hierarchy: index }],
      host,
    )
    t.match(argsOf(on(host), 'attach'), [{ path: '/sys/fs/cgroup' }])
  }
  t.throws(() => on('docker-v1'), { code: 'ERR_HOST_CGROUP' })
})

t.test('a host without cgroups can show none', async t => {
  const document = withMounts({ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup' })
  t.throws(() => planOf(document), { code: 'ERR_HOST_CGROUP', needs: 'a cgroup hierarchy (/mounts/0)' })
})
