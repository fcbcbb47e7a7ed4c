/**
 * The tests that call the command, and which of them are run a second time with the executable without Node: `node
 * test/standalone-tests.mjs change` prints those of `.ci/run`, `night` those of `.ci/nightly`. test/style/forms.test.ts looks that every
 * test that calls the command is in one of the lists.
 */
import { fileURLToPath } from 'node:url'

const below = (folder, ...names) => names.map(name => `test/${folder}/${name}.test.ts`)

/** Those that start many containers, and those of the specification and of the words that a user reads. */
export const EACH_CHANGE = [
  ...below(
    'integration',
    'cli',
    'cli-affinity',
    'cli-checkpoint',
    'cli-config',
    'cli-documents',
    'cli-errors',
    'cli-exec',
  ),
  ...below('integration', 'cli-notify', 'cli-run', 'cli-runc', 'cli-terminal', 'misleading-errors', 'hooks-end'),
  ...below(
    'integration',
    'create-undone',
    'privileges',
    'process-limit',
    'few-processes',
    'unknown',
    'user-namespace-root',
  ),
  ...below('cgroup', 'many'),
  ...below('conformance', 'taken-as-by-runc', 'config-mounts-bind-flags', 'config-linux-namespaces-inherited'),
]

export const EACH_NIGHT = [
  ...below('integration', 'cli-completion', 'cli-flags', 'cli-texts', 'checkpoint-failures', 'checkpoint-kinds'),
  ...below('integration', 'held-start', 'inherited-limits', 'rootless', 'rootless-refused', 'timeline'),
  ...below('cgroup', 'nested'),
  ...below('store', 'broken-state'),
]

/** Not run a second time, and why. What ends with `/` is a folder. */
export const OTHERWISE = {
  'test/image/': 'tsrun image, volume and run --image belong to the form on Node',
  'test/sandbox/': 'tsrun sandbox and doctor belong to the form on Node',
  'test/network/gateway-rootless.test.ts': 'a program with the library, and not the command',
  'test/integration/container-network.test.ts': 'a program with the library, and not the command',
  'test/integration/layered-root-rootless.test.ts': 'a program with the library, and not the command',
  'test/integration/called-functions.test.ts': 'the code cache of the form on Node',
  'test/integration/checkpoint-layers.test.ts': 'containers of tsrun run --image',
  'test/integration/mcp.test.ts': 'servers in tsrun sandbox',
  'test/integration/readme.test.ts': 'the package as the documentation uses it, with images and sandboxes',
  'test/integration/signals-any-time.test.ts': 'it has both forms in it',
  'test/integration/standalone.test.ts': 'it has both forms in it',
  'test/integration/standalone-build.test.ts': 'it is about the executable',
  'test/integration/standalone-failures.test.ts': 'it has both forms in it',
  'test/integration/standalone-same.test.ts': 'it has both forms in it',
  'test/integration/standalone-surroundings.test.ts': 'it has both forms in it',
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = { change: EACH_CHANGE, night: EACH_NIGHT }[process.argv[2]]
  if (files === undefined) throw new Error('node test/standalone-tests.mjs change|night')
  console.log(files.join('\n'))
}
