/** Sandboxes of images. */
import { join } from 'node:path'
import t from 'tap'
import { openImages } from '../../lib/image/index.js'
import { Sandbox } from '../../lib/sandbox/index.js'
import { tsrun } from '../command.js'
import { makeLayout, scratch } from '../image/registry.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp') }

t.test('an image is the root, and says what its commands are', skip, async t => {
  const passwd = 'app:x:1234:2345::/srv:/bin/sh\n'
  const layout = makeLayout(t, {
    layers: [{ 'etc/passwd': passwd, 'srv/file': 'base' }, { 'srv/file': 'top' }],
    config: { Env: ['A=of the image', 'B=too', 'PATH=/programs'], WorkingDir: '/srv', User: 'app' },
  })
  const store = join(scratch(t), 'store')
  const images = openImages({ directory: store })
  await images.import(layout, { name: 'app:1' })
  const mounts = [{ source: '/bin', target: '/programs' }]
  await using box = await Sandbox.create({ image: 'app:1', images, mounts, envs: { B: 'of the options' } })
  t.same(box.user, { uid: 1234, gid: 2345 })
  const script = 'echo $A, $B, $HOME; pwd; cat file; busybox id -u; echo x > /tmp/y; rm file 2>&1; true'
  const { stdout, stderr } = await box.commands.run(['busybox', 'sh', '-c', script])
  t.match(stdout, /^of the image, of the options, \/srv\n\/srv\ntop1234\n.*denied/s, stderr)
  t.equal(await box.files.read('file'), 'top')
  t.same(await box.diff(), [])
  await t.rejects(images.remove('app:1'), { code: 'ERR_IMAGE_IN_USE' })
  await box.stop()
  const words = ['--image', 'app:1', '--store', store, '--mount', '/bin:/programs', '--', 'busybox', 'cat', 'file']
  t.match(tsrun(['sandbox', ...words]), { status: 0, stdout: 'top', stderr: '' })
  await images.remove('app:1')
  await t.rejects(Sandbox.create({ image: 'localhost:1/none', images }), { code: /ERR_REGISTRY|ERR_IMAGE/ })
  await t.rejects(Sandbox.create({ image: 'app:1', rootfs: '/srv' }), { code: 'ERR_CONFIG_INVALID', message: /image/ })
})

t.test('a volume outlives sandboxes', skip, async t => {
  const layout = makeLayout(t, { layers: [{ 'srv/file': 'of the image\n' }], config: { Env: ['PATH=/programs'] } })
  const images = openImages({ directory: join(scratch(t), 'store') })
  await images.import(layout, { name: 'app:1' })
  const of = (mode?: 'ro' | 'overlay') => ({
    ...{ image: 'app:1', images, user: { uid: 0, gid: 0 } },
    mounts: [
      { source: '/bin', target: '/programs' },
      { volume: 'data', target: '/srv', ...(mode !== undefined && { mode }) },
    ],
  })
  const run = async (box: Sandbox, script: string) => (await box.commands.run(['busybox', 'sh', '-c', script])).stdout
  const first = await Sandbox.create(of())
  t.equal(await run(first, 'cat /srv/file; echo mine > /srv/file'), 'of the image\n')
  await t.rejects(images.volumes.remove('data'), { code: 'ERR_VOLUME_IN_USE' })
  await first.stop()
  await using overlay = await Sandbox.create(of('overlay'))
  t.equal(await run(overlay, 'cat /srv/file; echo nowhere > /srv/file; cat /srv/file'), 'mine\nnowhere\n')
  t.match(await overlay.diff(), [{ path: '/srv/file', change: 'modified' }])
  await using readOnly = await Sandbox.create(of('ro'))
  t.equal(await run(readOnly, 'cat /srv/file; echo x > /srv/file || echo no'), 'mine\nno\n')
  await readOnly.stop()
  await overlay.stop()
  await images.volumes.remove('data')
  const mounts = [{ volume: 'data', target: '/srv' }]
  await t.rejects(Sandbox.create({ mounts }), {
    code: 'ERR_CONFIG_INVALID',
    message: /mounts\[0\]\.volume: must be absent/,
  })
  const both = [{ volume: 'data', source: '/etc', target: '/srv' }]
  await t.rejects(Sandbox.create({ image: 'app:1', images, mounts: both }), { message: /without a source/ })
})
