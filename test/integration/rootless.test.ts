/** Containers of a user without any privilege. */
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { missing } from '../needs.js'
import { makeRootlessBundle, USER } from '../rootless.js'

const skip = { skip: missing('root', 'busybox', 'user-namespaces') }

const NO_CGROUP = /^time=\S+ level=warning msg="the container has no cgroup, [^\n]*"\n$/

t.test('a user runs a container as its root, and nothing is left', skip, async t => {
  const { sh, rootfs, state } = makeRootlessBundle(t)
  const command = 'id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; touch /made'
  const { status, stdout, stderr } = sh(command, config => (config.root = { path: 'rootfs' }))
  t.equal(status, 0, stderr)
  const map = `0 ${USER} 1`
  t.same(
    stdout
      .trim()
      .split('\n')
      .map(line => line.trim().replace(/ +/g, ' ')),
    ['0', '0', map, map, 'deny'],
  )
  t.match(lstatSync(join(rootfs, 'made')), { uid: USER, gid: USER })
  t.same(readdirSync(state), [])
})

t.test('the log says what a container without a cgroup lacks', skip, async t => {
  t.match(makeRootlessBundle(t).sh('true').stderr, NO_CGROUP)
})

t.test('create, start, state, list, exec, kill and delete work as for root', skip, async t => {
  const { configure, script, state } = makeRootlessBundle(t)
  configure('sleep 100', config => (config.process.oomScoreAdj = 50))
  const fields = `grep -E '"(status|id)"'`
  const { stdout, stderr, status } = script(`
    tsrun create c >created 2>&1 </dev/null && tsrun state c | ${fields} && tsrun start c && tsrun state c | ${fields}
    tsrun list | tail -n 1 | cut -d ' ' -f 1; tsrun exec c id -u; tsrun exec -e A=b c sh -c 'echo $A; exit 7'; echo "exit $?"
    tsrun kill c KILL; sleep 0.3; tsrun state c | ${fields}; tsrun delete c; tsrun list | wc -l; tsrun state c`)
  t.same(
    stdout.split('\n').map(line => line.trim()),
    [
      ...['"id": "c",', '"status": "created",', '"id": "c",', '"status": "running",'],
      ...['c', '0', 'b', 'exit 7', '"id": "c",', '"status": "stopped",', '1', ''],
    ],
  )
  t.match(stderr, /does not exist/)
  t.equal(status, 1)
  t.same(readdirSync(state), [])
})

t.test('kill --all with SIGKILL ends all processes by way of the pid namespace', skip, async t => {
  const { configure, script, bundle } = makeRootlessBundle(t)
  configure('sleep 100 & setsid sleep 101 & wait')
  const { stdout, status } = script(`
    tsrun create c >created 2>&1 </dev/null; tsrun start c; sleep 0.3
    ns=$(readlink /proc/$(tsrun state c | sed -n 's/.*"pid": \\([0-9]*\\).*/\\1/p')/ns/pid | tr -dc 0-9)
    count() { ps -eo stat,pidns | grep -v ^Z | grep -cw "$ns"; }
    count; tsrun kill --all c KILL; sleep 0.5; count; tsrun delete c`)
  t.equal(stdout, '3\n0\n', readFileSync(join(bundle, 'created'), 'utf8'))
  t.equal(status, 0)
})

t.test('an id other than root can be mapped alone', skip, async t => {
  const { sh, rootfs } = makeRootlessBundle(t)
  const { status, stdout, stderr } = sh(
    'id -u; id -g; cat /proc/self/oom_score_adj; pwd; stat -c %u:%g /work; touch made',
    config => {
      config.root = { path: 'rootfs' }
      config.process.user = { uid: 1000, gid: 1001 }
      config.process.cwd = '/work'
      config.process.oomScoreAdj = 300
      config.linux.uidMappings = [{ containerID: 1000, hostID: USER, size: 1 }]
      config.linux.gidMappings = [{ containerID: 1001, hostID: USER, size: 1 }]
    },
  )
  t.equal(status, 0, stderr)
  t.equal(stdout, '1000\n1001\n300\n/work\n1000:1001\n')
  t.match(lstatSync(join(rootfs, 'work/made')), { uid: USER, gid: USER })
})

t.test('more ids are mapped by newuidmap and newgidmap', { skip: skip.skip || missing('newuidmap') }, async t => {
  const { sh, directory, rootfs } = makeRootlessBundle(t)
  const etc = join(directory, 'etc')
  // The host may have no such files, and is not to get any.
  const grant = `cp -a /etc ${etc}; for f in subuid subgid; do echo nobody:300000:1000 > ${etc}/$f; done; mount --bind ${etc} /etc`
  const more = { containerID: 1, hostID: 300000, size: 1000 }
  const { status, stdout, stderr } = sh(
    'id -u; id -g; id -G; cat /proc/self/setgroups /proc/self/oom_score_adj; touch /data/made',
    config => {
      config.root = { path: 'rootfs' }
      config.process.user = { uid: 33, gid: 34, additionalGids: [5] }
      config.process.oomScoreAdj = 200
      config.linux.uidMappings?.push(more)
      config.linux.gidMappings?.push(more)
      config.mounts.find(({ type }) => type === 'devpts')?.options?.push('gid=5')
    },
    { before: `${grant}; chmod 777 ${join(rootfs, 'data')}` },
  )
  t.equal(status, 0, stderr)
  t.equal(stdout, '33\n34\n34 5\nallow\n200\n')
  t.match(lstatSync(join(rootfs, 'data/made')), { uid: 300032, gid: 300033 })
})

t.test('binds show what the user sees, and keep what the mounts of the host forbid', skip, async t => {
  const { sh, directory } = makeRootlessBundle(t)
  const locked = join(directory, 'locked')
  mkdirSync(locked)
  writeFileSync(join(directory, 'file'), 'of the user\n')
  const bind = (destination: string, source: string, ...options: string[]) => ({
    destination,
    type: 'bind',
    source,
    options,
  })
  const mounts = [bind('/f', join(directory, 'file'), 'bind', 'ro'), bind('/locked', locked, 'rbind')]
  const before = `mount -t tmpfs -o nosuid,nodev,noexec tmpfs ${locked} && echo shown > ${locked}/a && mount -o remount,bind,ro,nosuid,nodev,noexec ${locked}`
  const look = 'cat /f /locked/a; grep " /locked " /proc/self/mountinfo | cut -d " " -f 6; echo x > /f'
  const { stdout, stderr } = sh(look, config => config.mounts.push(...mounts), { before })
  t.match(stdout, /^of the user\nshown\nro,nosuid,nodev,noexec/)
  t.match(stderr, /\/f: Read-only file system/)
  const writable = sh('true', config => config.mounts.push(bind('/locked', locked, 'rbind', 'rw', 'exec')), { before })
  t.match(writable, {
    status: 1,
    stderr: /\/mounts\/8\/options: ro, noexec of the host's mount \S+\/locked can't be taken away/,
  })
})

t.test('devices are those of the host, and work', skip, async t => {
  const { sh } = makeRootlessBundle(t)
  const { status, stdout } = sh(
    'echo x > /dev/null && head -c 4 /dev/zero | wc -c && stat -c %t:%T /dev/full',
    config => {
      config.linux.devices = [{ path: '/dev/full', type: 'c', major: 1, minor: 7 }]
    },
  )
  t.match({ status, stdout }, { status: 0, stdout: '4\n1:7\n' })
})

t.test('a sysfs and a host name can be had in namespaces of the container', skip, async t => {
  const { sh } = makeRootlessBundle(t)
  const { stdout, stderr } = sh('hostname; ls /sys/class/net; cat /proc/keys | wc -l', config => {
    config.hostname = 'mine'
    config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith('/sys'))
    config.mounts.push({ destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] })
    config.linux.namespaces?.push({ type: 'network' })
  })
  t.match(stdout, /^mine\n/, stderr)
  t.match(stdout, /^lo$/m)
})

t.test('hooks run as the user on the host, and as root in the container', skip, async t => {
  const { sh, directory } = makeRootlessBundle(t)
  const hook = (args: string) => [{ path: '/bin/sh', args: ['sh', '-c', args] }]
  const onHost = (kind: string) => hook(`id -u > ${directory}/${kind}`)
  const { status, stdout, stderr } = sh('cat /data/startContainer', config => {
    config.root = { path: 'rootfs' }
    config.hooks = {
      createRuntime: onHost('createRuntime'),
      createContainer: onHost('createContainer'),
      startContainer: hook('id -u > /data/startContainer; cat /proc/self/uid_map >> /data/startContainer'),
      poststop: onHost('poststop'),
    }
  })
  t.equal(status, 0, stderr)
  t.match(stdout, new RegExp(`^0\\n +0 +${USER} +1\\n$`))
  const told = (kind: string) => readFileSync(join(directory, kind), 'utf8')
  t.same(['createRuntime', 'createContainer', 'poststop'].map(told), [`${USER}\n`, '0\n', `${USER}\n`])
})

t.test('exec sets limits of its own', skip, async t => {
  const { configure, script, bundle } = makeRootlessBundle(t)
  configure('sleep 100')
  const process = {
    ...{ cwd: '/', args: ['/bin/sh', '-c', 'ulimit -n; cat /proc/self/oom_score_adj'], env: ['PATH=/bin'] },
    ...{ oomScoreAdj: 77, rlimits: [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 100 }] },
  }
  writeFileSync(join(bundle, 'process.json'), JSON.stringify(process))
  const { stdout, stderr } = script(`
    tsrun create c >created 2>&1 </dev/null && tsrun start c && tsrun exec -p process.json c; tsrun delete --force c`)
  t.equal(stdout, '100\n77\n', stderr)
})

t.test(
  'a cgroup is used if the user has one delegated (version 2)',
  { skip: skip.skip || missing('cgroup-v2') },
  async t => {
    const { configure, script, prefix } = makeRootlessBundle(t)
    configure('sleep 100')
    const root = `/sys/fs/cgroup/${prefix}`
    const before = `umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; mkdir -p ${root}/own
    chown ${USER} ${root} ${root}/cgroup.procs ${root}/cgroup.subtree_control ${root}/own ${root}/own/cgroup.procs
    echo $$ > ${root}/own/cgroup.procs`
    const after = `ls -d ${root}/*/; echo $$ > /sys/fs/cgroup/cgroup.procs; rmdir ${root}/own ${root}`
    const { stdout, stderr } = script(
      `tsrun create c >created 2>&1 </dev/null && tsrun start c; cat created
    pid=$(tsrun state c | sed -n 's/.*"pid": \\([0-9]*\\).*/\\1/p'); grep ^0:: /proc/$pid/cgroup
    tsrun exec c cat /proc/self/cgroup | grep ^0::
    tsrun ps -f json c | grep -c "$pid"; tsrun pause c; tsrun state c | grep status; tsrun resume c
    tsrun kill --all c KILL; sleep 0.3; tsrun delete c`,
      { before, after },
    )
    t.equal(stdout, `0::/${prefix}/c\n0::/\n1\n  "status": "paused",\n${root}/own/\n`, stderr)
    t.notOk(existsSync(root))
  },
)
