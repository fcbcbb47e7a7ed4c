import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, invalid, mountAt } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

const paths =
  (fields: { maskedPaths?: string[]; readonlyPaths?: string[] }) =>
  (config: TestConfig): void => {
    config.root = { path: 'rootfs' }
    config.linux.maskedPaths = fields.maskedPaths ?? []
    config.linux.readonlyPaths = fields.readonlyPaths ?? []
  }

t.test('config-linux.md#masked-paths: a file reads as empty, and can not be written', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  const { stdout } = await sh(
    'wc -c < /etc/passwd; echo x > /etc/passwd; stat -c %t:%T /etc/passwd',
    paths({ maskedPaths: ['/etc/passwd'] }),
  )
  t.equal(stdout, '0\n1:3\n')
  t.match(readFileSync(`${rootfs}/etc/passwd`, 'utf8'), /^root:/)
})

t.test('config-linux.md#masked-paths: a directory is empty, read-only, and without room', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  writeFileSync(`${rootfs}/data/secret`, '')
  const { stdout, stderr } = await sh(
    'ls -A /data | wc -l; touch /data/x || echo refused; cat /proc/self/mountinfo',
    paths({ maskedPaths: ['/data', '/etc', '/data'] }),
  )
  t.match(stdout, /^0\nrefused\n/)
  t.match(stderr, /read-only/i)
  const { type, options } = mountAt(stdout, '/data')
  t.match({ type, options }, { type: 'tmpfs', options: ['ro', 'nosuid', 'nodev', 'noexec'] })
})

t.test('config-linux.md#masked-paths: what is not there is passed over', skip, async t => {
  const { sh } = makeBundle(t)
  t.match(await sh('ls /data', paths({ maskedPaths: ['/data/nowhere/at/all', '/proc/scsi'] })), { stdout: '' })
})

t.test('config-linux.md#masked-paths: what is mounted is masked as well', skip, async t => {
  const { sh } = makeBundle(t)
  const masked = paths({ maskedPaths: ['/proc/interrupts', '/proc/sys', '/tmp'] })
  t.match(await sh('cat /proc/interrupts | wc -c; ls /proc/sys /tmp', masked), {
    stdout: '0\n/proc/sys:\n\n/tmp:\n',
  })
})

t.test('config-linux.md#masked-paths: a link is resolved in the root', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  writeFileSync(`${rootfs}/data/secret`, 'secret')
  symlinkSync('/data/secret', `${rootfs}/etc/link`)
  symlinkSync('../../../../../../../../../etc/passwd', `${rootfs}/etc/escape`)
  const { stdout } = await sh(
    'cat /data/secret /etc/passwd | wc -c',
    paths({ maskedPaths: ['/etc/link', '/etc/escape'] }),
  )
  t.equal(stdout, '0\n')
  t.match(readFileSync('/etc/passwd', 'utf8'), /root/, 'that of the host is as it was')
})

t.test(
  'config-linux.md#masked-paths: with a /dev/null that is none nothing is masked, and nothing created',
  skip,
  async t => {
    const bundle = makeBundle(t)
    const withoutDev = (config: TestConfig): void => {
      paths({ maskedPaths: ['/etc/passwd'] })(config)
      config.mounts = [{ destination: '/dev', source: `${bundle.directory}/dev`, options: ['bind'] }]
    }
    mkdirSync(`${bundle.directory}/dev`)
    symlinkSync('/data', `${bundle.directory}/dev/null`)
    const unsafe = { name: 'SafetyError', code: 'ERR_SAFETY_PATH' }
    t.match(await createError(bundle, withoutDev), unsafe, 'a link')
    rmSync(`${bundle.directory}/dev/null`)
    execFileSync('mknod', [`${bundle.directory}/dev/null`, 'c', '1', '5'])
    t.match(await createError(bundle, withoutDev), unsafe, 'another device')
  },
)

t.test('config-linux.md#readonly-paths: a directory and all in it', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  mkdirSync(`${rootfs}/data/below`)
  const { stdout } = await sh(
    'touch /data/x || echo no; touch /data/below/x || echo no; echo x > /etc/passwd || echo no; touch /etc/y && ls /etc/y',
    paths({ readonlyPaths: ['/data', '/etc/passwd'] }),
  )
  t.equal(stdout, 'no\nno\nno\n/etc/y\n')
})

t.test('config-linux.md#readonly-paths: a file of proc', skip, async t => {
  const { sh } = makeBundle(t)
  const command = 'cd /proc/sys/kernel; echo 7 > shmmni || echo no; echo 8 > msgmni; cat msgmni'
  const { stdout, stderr } = await sh(command, paths({ readonlyPaths: ['/proc/sys/kernel/shmmni'] }))
  t.equal(stdout, 'no\n8\n')
  t.match(stderr, /shmmni: Read-only file system/)
})

t.test('config-linux.md#readonly-paths: what the mount below forbids stays forbidden', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh('cat /proc/self/mountinfo', config => {
    paths({ readonlyPaths: ['/tmp'] })(config)
  })
  t.match([...mountAt(stdout, '/tmp').options].sort(), ['nodev', 'nosuid', 'relatime', 'ro'])
})

t.test('config-linux.md#readonly-paths: what is not there is passed over', skip, async t => {
  const { sh } = makeBundle(t)
  t.match(await sh('ls /data', paths({ readonlyPaths: ['/data/nowhere'] })), { exitCode: 0, stdout: '' })
})

t.test('config-linux.md#readonly-paths: masked and read-only at once is masked', skip, async t => {
  const { sh } = makeBundle(t)
  const both = paths({ maskedPaths: ['/proc/sys/kernel'], readonlyPaths: ['/proc/sys', '/proc/sys/kernel'] })
  t.match(await sh('ls /proc/sys/kernel; ls /proc/sys | wc -l', both), { stdout: /^[1-9][0-9]*\n$/ })
})

t.test(
  'config-linux.md#masked-paths: relative paths, and paths without a mount namespace, are errors',
  skip,
  async t => {
    const bundle = makeBundle(t)
    const relative = paths({ maskedPaths: ['proc/keys'], readonlyPaths: ['/proc', 'sys'] })
    t.match(await createError(bundle, relative), invalid('/linux/maskedPaths/0', '/linux/readonlyPaths/1'))
    const shared = await createError(bundle, config => {
      paths({ maskedPaths: ['/proc/keys'], readonlyPaths: ['/proc/sys'] })(config)
      config.mounts = []
      config.linux.namespaces = []
      delete config.hostname
    })
    t.match(shared, invalid('/linux/maskedPaths', '/linux/readonlyPaths'))
  },
)
