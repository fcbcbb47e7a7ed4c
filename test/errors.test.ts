import { readFileSync } from 'node:fs'
import t from 'tap'
import * as errors from '../lib/errors.js'

const {
  CgroupError,
  CheckpointError,
  CniError,
  ConfigError,
  HookError,
  HostError,
  ImageError,
  isTsrunError,
  LaunchError,
  LayerError,
  PlanError,
  RegistryError,
  SafetyError,
  StateError,
  SystemError,
} = errors

const cause = new Error('what was below')
const launch = {
  configPath: '/mounts/3',
  op: 'attach',
  phase: 'MOUNT',
  syscall: 'move_mount',
  errno: 'ENOENT',
  signal: null,
}
const host = { needs: 'Linux 5.12', found: 'Linux 4.19', remedy: 'use a newer kernel' }
const issue = {
  path: '/root/path',
  rule: 'config.md#root',
  expected: 'a directory',
  received: 'a file',
  message: 'is a file',
}
const hook = { hook: 'createRuntime', index: 0, exitCode: 1, signal: null, stderr: 'no' }
const image = { image: 'docker.io/library/a:b', path: '/layers/0', expected: 'a digest' }
const registry = { registry: 'docker.io', status: 401, remedy: 'log in' }
const layer = { entry: 'a/b', limit: 'depth', value: 300, syscall: 'openat2', errno: 'ELOOP' }
const cni = { network: 'web', plugin: 'bridge', command: 'ADD', number: 11, details: 'try again later' }
const cgroup = { file: 'memory.max', value: '1', errno: 'EBUSY', configPath: '/linux/resources/memory/limit' }

const checkpoint = { log: '/images/dump.log', lines: ['Error (criu/mount.c:1): no'], errno: 'EBUSY' }

/** One of each class, made with each of its codes, and the fields that it has of its own. */
const table = [
  ...(['ERR_CONFIG_INVALID', 'ERR_CONFIG_UNSUPPORTED'] as const).map(code => ({
    code,
    error: new ConfigError(code, [issue], { cause }),
    fields: { issues: [issue] },
    message: /^\/root\/path: is a file$/,
  })),
  ...(['ERR_HOST_KERNEL', 'ERR_HOST_INSTALL', 'ERR_HOST_PRIVILEGE', 'ERR_HOST_CGROUP'] as const).map(code => ({
    code,
    error: new HostError(code, host, { cause }),
    fields: host,
    message: /needs Linux 5\.12, found Linux 4\.19: use a newer kernel/,
  })),
  ...(['ERR_LAUNCH_OP', 'ERR_LAUNCH_EXEC', 'ERR_LAUNCH_DIED'] as const).map(code => ({
    code,
    error: new LaunchError(code, 'mounts[3]: gone', launch, { cause }),
    fields: launch,
    message: /mounts\[3\]: gone/,
  })),
  ...(['ERR_SAFETY_PATH', 'ERR_SAFETY_PROCFS', 'ERR_SAFETY_CWD'] as const).map(code => ({
    code,
    error: new SafetyError(code, 'a link where none may be', launch, { cause }),
    fields: launch,
    message: /a link where none may be/,
  })),
  ...(
    [
      'ERR_STATE_EXISTS',
      'ERR_STATE_NOT_FOUND',
      'ERR_STATE_STATUS',
      'ERR_STATE_LOCKED',
      'ERR_STATE_CORRUPT',
      'ERR_STATE_VERSION',
    ] as const
  ).map(code => ({
    code,
    error: new StateError(code, 'not now', { id: 'a', status: 'running', expected: 'created' }, { cause }),
    fields: { id: 'a', status: 'running', expected: 'created' },
    message: /not now/,
  })),
  ...(['ERR_HOOK_EXIT', 'ERR_HOOK_TIMEOUT'] as const).map(code => ({
    code,
    error: new HookError(code, 'the hook failed', hook, { cause }),
    fields: hook,
    message: /the hook failed/,
  })),
  ...(['ERR_CGROUP_WRITE', 'ERR_CGROUP_OOM'] as const).map(code => ({
    code,
    error: new CgroupError(code, 'the limit is too low', cgroup, { cause }),
    fields: cgroup,
    message: /the limit is too low/,
  })),
  ...(['ERR_CHECKPOINT_CRIU', 'ERR_CHECKPOINT_IMAGE'] as const).map(code => ({
    code,
    error: new CheckpointError(code, 'criu failed', checkpoint, { cause }),
    fields: checkpoint,
    message: /criu failed/,
  })),
  {
    code: 'ERR_PLAN_REFUSED' as const,
    error: new PlanError('out of order', { op: 'execve' }, { cause }),
    fields: { op: 'execve' },
    message: /out of order/,
  },
  ...(['FORMAT', 'UNSAFE', 'LIMIT', 'DIGEST', 'WRITE', 'DIED'] as const).map(kind => ({
    code: `ERR_LAYER_${kind}` as const,
    error: new LayerError(`ERR_LAYER_${kind}`, 'not this one', layer, { cause }),
    fields: layer,
    message: /^"a\/b": not this one$/,
  })),
  {
    code: 'ERR_SYSTEM' as const,
    error: new SystemError({ syscall: 'openat', errno: 'ENOENT', path: '/x' }, { cause }),
    fields: { syscall: 'openat', errno: 'ENOENT', path: '/x' },
    message: /^openat\("\/x"\): ENOENT$/,
  },
  ...(
    [
      'ERR_IMAGE_REFERENCE',
      'ERR_IMAGE_NOT_FOUND',
      'ERR_IMAGE_INVALID',
      'ERR_IMAGE_DIGEST',
      'ERR_IMAGE_PLATFORM',
      'ERR_IMAGE_IN_USE',
      'ERR_IMAGE_STORE',
      'ERR_VOLUME_NAME',
      'ERR_VOLUME_NOT_FOUND',
      'ERR_VOLUME_IN_USE',
    ] as const
  ).map(code => ({
    code,
    error: new ImageError(code, 'not this one', image, { cause }),
    fields: image,
    message: /^not this one$/,
  })),
  ...(['AUTH', 'NOT_FOUND', 'RESPONSE', 'UNREACHABLE', 'INSECURE'] as const).map(kind => ({
    code: `ERR_REGISTRY_${kind}` as const,
    error: new RegistryError(`ERR_REGISTRY_${kind}`, 'it said no', registry, { cause }),
    fields: registry,
    message: /^it said no: log in$/,
  })),
  {
    code: 'ERR_NETWORK_CNI' as const,
    error: new CniError('no address is left', cni, { cause }),
    fields: cni,
    message: /^network web, ADD of bridge: no address is left$/,
  },
]

const classes = Object.entries(errors)
  .filter(([, value]) => typeof value === 'function' && value.prototype instanceof Error)
  .map(([name]) => name)

for (const { code, error, fields, message } of table) {
  t.test(`${error.name} with ${code} tells what it knows`, async t => {
    t.equal(error.code, code)
    t.match(error.message, message)
    t.match(error, fields)
    t.equal(error.cause, cause)
    t.ok(error instanceof Error)
    t.equal(error.name, error.constructor.name)
    t.same(JSON.parse(JSON.stringify(error)), {
      name: error.name,
      code,
      message: error.message,
      ...fields,
      cause: 'what was below',
    })
  })
}

t.test('the table has every class', async t => {
  t.same(new Set(table.map(({ error }) => error.name)), new Set(classes))
})

t.test('errors are recognised by brand, also those of another copy of the package', async t => {
  const fromAnotherCopy = Object.assign(new Error('x'), { [Symbol.for('tsrun.error')]: 'LaunchError' })
  for (const { error } of table) t.ok(isTsrunError(error))
  t.ok(isTsrunError(fromAnotherCopy))
  t.notOk(isTsrunError(cause))
  t.notOk(isTsrunError({ code: 'ERR_SYSTEM' }))
})

t.test('an error without a cause has none', async t => {
  const error = new SystemError({ syscall: 'kill', errno: 'ESRCH' })
  t.notOk('cause' in error)
  t.notOk('cause' in error.toJSON())
  t.equal(error.message, 'kill(): ESRCH')
  t.same(new StateError('ERR_STATE_NOT_FOUND', 'gone', { id: 'a' }).toJSON(), {
    name: 'StateError',
    code: 'ERR_STATE_NOT_FOUND',
    message: 'gone',
    id: 'a',
    status: null,
    expected: null,
  })
})

t.test('all issues of a configuration are in its one message', async t => {
  const second = { ...issue, path: '', message: 'is not an object' }
  t.equal(new ConfigError('ERR_CONFIG_INVALID', [issue, second]).message, '/root/path: is a file\nis not an object')
})

t.test('the page on errors has each class and each code, and no others', async t => {
  const page = readFileSync('docs/errors.md', 'utf8')
  const rows = page.split('\n').filter(line => line.startsWith('| `ERR_'))
  const documented = rows
    .map(row => row.split('|').map(cell => cell.trim().replaceAll('`', '')))
    .map(([, code, name]) => `${name} ${code}`)
  t.same(
    documented,
    table.map(({ error, code }) => `${error.name} ${code}`),
  )
  const declared = readFileSync('lib/failure.ts', 'utf8').match(/ErrorCode =\n([\s|'A-Z_]+)/)?.[1] ?? ''
  t.same(declared.match(/ERR_\w+/g)?.toSorted(), table.map(({ code }) => code).toSorted(), 'the type has the same')
})

/** tsc says where a code is missing, or where a class is not told by its code. */
function detailOf(error: errors.TsrunError): unknown {
  switch (error.code) {
    case 'ERR_CONFIG_INVALID':
    case 'ERR_CONFIG_UNSUPPORTED':
      return error.issues
    case 'ERR_HOST_KERNEL':
    case 'ERR_HOST_INSTALL':
    case 'ERR_HOST_PRIVILEGE':
    case 'ERR_HOST_CGROUP':
      return error.remedy
    case 'ERR_LAUNCH_OP':
    case 'ERR_LAUNCH_EXEC':
    case 'ERR_LAUNCH_DIED':
    case 'ERR_SAFETY_PATH':
    case 'ERR_SAFETY_PROCFS':
    case 'ERR_SAFETY_CWD':
      return error.configPath
    case 'ERR_STATE_EXISTS':
    case 'ERR_STATE_NOT_FOUND':
    case 'ERR_STATE_STATUS':
    case 'ERR_STATE_LOCKED':
    case 'ERR_STATE_CORRUPT':
    case 'ERR_STATE_VERSION':
      return error.id
    case 'ERR_HOOK_EXIT':
    case 'ERR_HOOK_TIMEOUT':
      return error.hook
    case 'ERR_CGROUP_WRITE':
    case 'ERR_CGROUP_OOM':
      return error.file
    case 'ERR_CHECKPOINT_CRIU':
    case 'ERR_CHECKPOINT_IMAGE':
      return error.log
    case 'ERR_PLAN_REFUSED':
      return error.op
    case 'ERR_SYSTEM':
      return error.syscall
    case 'ERR_LAYER_FORMAT':
    case 'ERR_LAYER_UNSAFE':
    case 'ERR_LAYER_LIMIT':
    case 'ERR_LAYER_DIGEST':
    case 'ERR_LAYER_WRITE':
    case 'ERR_LAYER_DIED':
      return error.entry
    case 'ERR_IMAGE_REFERENCE':
    case 'ERR_IMAGE_NOT_FOUND':
    case 'ERR_IMAGE_INVALID':
    case 'ERR_IMAGE_DIGEST':
    case 'ERR_IMAGE_PLATFORM':
    case 'ERR_IMAGE_IN_USE':
    case 'ERR_IMAGE_STORE':
    case 'ERR_VOLUME_NAME':
    case 'ERR_VOLUME_NOT_FOUND':
    case 'ERR_VOLUME_IN_USE':
      return error.image
    case 'ERR_REGISTRY_AUTH':
    case 'ERR_REGISTRY_NOT_FOUND':
    case 'ERR_REGISTRY_RESPONSE':
    case 'ERR_REGISTRY_UNREACHABLE':
    case 'ERR_REGISTRY_INSECURE':
      return error.registry
    case 'ERR_NETWORK_CNI':
      return error.plugin
  }
}

t.test('switch (error.code) tells which error it is, and so which fields it has', async t => {
  for (const { error } of table) {
    if (!isTsrunError(error)) throw error
    t.not(detailOf(error), undefined, error.code)
  }
})
