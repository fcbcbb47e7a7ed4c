/** The configuration of an image becomes that of a container (image-spec, conversion.md). */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type ImageConfig, type ProcessDefaults, runtimeConfig } from '../../lib/image/index.js'
import { createRuntime } from '../../lib/index.js'
import { scratch } from './registry.js'

const imageOf = (config: ProcessDefaults = {}, more: Partial<ImageConfig> = {}) => ({
  config: {
    ...{ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] }, config },
    ...more,
  } as ImageConfig,
})

t.test('what the image says of its process is the process', async t => {
  const image = imageOf({
    ...{ Entrypoint: ['/bin/server', '-v'], Cmd: ['--port', '80'], WorkingDir: '/srv', User: '7:8' },
    Env: ['PATH=/opt/bin', 'A=b'],
  })
  t.match(runtimeConfig(image, []).process, {
    ...{ args: ['/bin/server', '-v', '--port', '80'], cwd: '/srv', env: ['PATH=/opt/bin', 'A=b'] },
    user: { uid: 7, gid: 8 },
  })
  t.same(runtimeConfig(image, [], { args: ['x'] }).process?.args, ['/bin/server', '-v', 'x'])
  t.same(runtimeConfig(image, [], { entrypoint: ['/bin/sh'] }).process?.args, ['/bin/sh'])
  const bare = runtimeConfig(imageOf({ Cmd: ['true'], WorkingDir: 'srv' }), [], { terminal: true }).process
  t.match(bare, { cwd: '/', terminal: true, env: [/^PATH=/, 'TERM=xterm'] })
  t.throws(() => runtimeConfig(imageOf(), []), { code: 'ERR_IMAGE_INVALID', path: '/config/Cmd' })
})

t.test('users and groups are those of the uppermost layer that has them', async t => {
  const [lower, upper] = [scratch(t), scratch(t)]
  for (const layer of [lower, upper]) mkdirSync(join(layer, 'etc'))
  writeFileSync(join(lower, 'etc/passwd'), 'web:x:1:1::/:\n')
  writeFileSync(join(upper, 'etc/passwd'), 'web:x:33:44::/:\n')
  writeFileSync(join(lower, 'etc/group'), 'web:x:44:\nmore:x:55:web,other\n')
  const userOf = (User: string) => runtimeConfig(imageOf({ User, Cmd: ['x'] }), [lower, upper]).process?.user
  t.same(userOf('web'), { uid: 33, gid: 44, additionalGids: [55] })
  t.same(userOf('web:more'), { uid: 33, gid: 55 })
  t.same(userOf('9'), { uid: 9, gid: 0 })
  t.throws(() => userOf('none'), { code: 'ERR_IMAGE_INVALID', path: '/config/User' })
  t.throws(() => userOf('4294967295'), { code: 'ERR_IMAGE_INVALID', path: '/config/User' })
})

t.test('the rest is told in annotations, of which none is an order to the runtime', async t => {
  const unsafe = createRuntime({ root: scratch(t) }).features().potentiallyUnsafeConfigAnnotations ?? []
  t.ok(unsafe.length > 0)
  const orders = Object.fromEntries(unsafe.map(name => [name.endsWith('.') ? `${name}MemoryMax` : name, 'x']))
  const Labels = { ...orders, 'my.label': 'y', 'org.opencontainers.image.author': 'label', '': 'z' }
  const image = imageOf(
    { Cmd: ['x'], Labels, StopSignal: 'SIGINT', ExposedPorts: { '80/tcp': {}, '53/udp': {} } },
    { author: 'field', variant: 'v2' },
  )
  t.same(runtimeConfig(image, []).annotations, {
    'org.opencontainers.image.os': 'linux',
    'org.opencontainers.image.architecture': 'amd64',
    'org.opencontainers.image.variant': 'v2',
    'org.opencontainers.image.author': 'label',
    'org.opencontainers.image.stopSignal': 'SIGINT',
    'org.opencontainers.image.exposedPorts': '80/tcp,53/udp',
    'my.label': 'y',
  })
})
