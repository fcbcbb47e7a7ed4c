/**
 * What a test needs of the machine. A test that lacks something is skipped and says why; with MUST_RUN=1, as in
 * continuous integration, it fails instead. MAY_SKIP (names separated by commas) excepts what no package can provide,
 * such as cgroup-v1 on a machine that only has v2.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { landlockKnown } from '../lib/sys/landlock.js'

export type Need =
  | 'root'
  | 'cgroup-v1'
  | 'cgroup-v2'
  | 'user-namespaces'
  | 'newuidmap'
  | 'veth'
  | 'runc'
  | 'crun'
  | 'busybox'
  | 'curl'
  | 'strace'
  | 'criu'
  | 'libseccomp'
  | 'cc'
  | 'clang'
  | 'libfuzzer'
  | 'npm'
  | 'python3'
  | 'bash'
  | 'zsh'
  | 'fish'
  | 'groff'
  | 'mcp'
  | 'vitest'
  | 'jest'
  | 'standalone'
  | 'standalone-arm64'
  | 'docker-registry'
  | 'skopeo'
  | 'umoci'
  | 'buildah'
  | 'podman'
  | 'docker'
  | 'openssl'
  | 'pnpm'
  | 'musl-gcc'
  | 'aarch64'
  | 'systems'
  | 'mmdebstrap'
  | 'dbus-daemon'
  | 'postgres'
  | 'redis'
  | 'cni'
  | 'landlock'

/** True where the command runs and exits with 0. */
const works = (command: string, ...args: readonly string[]) =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0

const installed = (name: string) => existsSync(`test/integration/runners/node_modules/${name}/package.json`)
/** What package.test.ts installs the package in. `.ci/nightly` names more. */
export const SYSTEMS = 'test/integration/systems/downloads'
export const systems = (process.env.SYSTEMS ?? 'x64-22 arm64-22 bullseye').split(' ')
const isRoot = () => process.geteuid?.() === 0
const mounted = (type: string) => readFileSync('/proc/self/mountinfo', 'utf8').includes(` - ${type} `)

function hasSharedLibrary(prefix: string): boolean {
  const folders = ['/lib', '/lib64', '/usr/lib', '/usr/lib64', ...folderNames('/usr/lib', /-linux-(gnu|musl)/)]
  return folders.some(folder => folderNames(folder, new RegExp(`^${prefix}`)).length > 0)
}

function folderNames(folder: string, pattern: RegExp): readonly string[] {
  try {
    return readdirSync(folder)
      .filter(name => pattern.test(name))
      .map(name => `${folder}/${name}`)
  } catch {
    return []
  }
}

const checks: Record<Need, { readonly isThere: () => boolean; readonly otherwise: string }> = {
  root: { isThere: isRoot, otherwise: 'needs root' },
  'cgroup-v1': { isThere: () => mounted('cgroup'), otherwise: 'needs a mounted cgroup v1 hierarchy' },
  'cgroup-v2': {
    isThere: () => works('unshare', '-m', 'mount', '-t', 'cgroup2', 'none', '/mnt'),
    otherwise: 'needs a kernel and the privilege to mount cgroup v2',
  },
  'user-namespaces': { isThere: () => works('unshare', '-Ur', 'true'), otherwise: 'needs user namespaces' },
  newuidmap: {
    isThere: () => works('sh', '-c', 'command -v newuidmap && command -v newgidmap'),
    otherwise: 'needs newuidmap and newgidmap (package uidmap)',
  },
  veth: {
    isThere: () => works('unshare', '-n', 'ip', 'link', 'add', 'type', 'veth'),
    otherwise: 'needs ip(8), and a kernel with virtual network devices (veth)',
  },
  runc: { isThere: () => works('runc', '--version'), otherwise: 'needs runc' },
  crun: { isThere: () => works('crun', '--version'), otherwise: 'needs crun' },
  busybox: { isThere: () => works('busybox', 'true'), otherwise: 'needs busybox (package busybox-static)' },
  curl: { isThere: () => works('curl', '--version'), otherwise: 'needs curl' },
  strace: { isThere: () => works('strace', '-V'), otherwise: 'needs strace' },
  criu: { isThere: () => works('criu', 'check'), otherwise: 'needs a CRIU that works with this kernel' },
  libseccomp: {
    isThere: () => hasSharedLibrary('libseccomp\\.so\\.2'),
    otherwise: 'needs libseccomp (package libseccomp2)',
  },
  cc: { isThere: () => works(process.env.CC ?? 'cc', '--version'), otherwise: 'needs a C compiler' },
  clang: { isThere: () => clang() !== undefined, otherwise: 'needs clang' },
  libfuzzer: {
    isThere: hasFuzzer,
    otherwise: "needs clang with its run-time libraries (package libclang-rt-14-dev, or clang's version)",
  },
  npm: { isThere: () => works('npm', '--version'), otherwise: 'needs npm' },
  bash: { isThere: () => works('bash', '--version'), otherwise: 'needs bash' },
  zsh: { isThere: () => works('zsh', '--version'), otherwise: 'needs zsh' },
  fish: { isThere: () => works('fish', '--version'), otherwise: 'needs fish' },
  groff: { isThere: () => works('groff', '--version'), otherwise: 'needs groff (package groff-base)' },
  vitest: {
    isThere: () => installed('vitest'),
    otherwise: 'needs Vitest (npm install --prefix test/integration/runners)',
  },
  postgres: {
    isThere: () => existsSync('/usr/lib/postgresql') && works('psql', '--version'),
    otherwise: 'needs postgresql',
  },
  cni: {
    isThere: () => existsSync('/usr/lib/cni/portmap') && works('iptables', '--version'),
    otherwise: 'needs plugins of CNI (package containernetworking-plugins) and iptables',
  },
  redis: { isThere: () => works('redis-server', '--version'), otherwise: 'needs redis-server' },
  'dbus-daemon': { isThere: () => works('dbus-daemon', '--version'), otherwise: 'needs dbus-daemon' },
  standalone: {
    isThere: () => existsSync('native/build/standalone/tsrun'),
    otherwise: 'needs the executable (npm run build:standalone)',
  },
  'standalone-arm64': {
    isThere: () => existsSync('native/build/standalone/tsrun-arm64') && works('qemu-aarch64-static', '--version'),
    otherwise:
      'needs qemu-user-static and the executable for arm64 (scripts/standalone/get-libraries.sh arm64; npm run build:standalone -- --arch arm64)',
  },
  mcp: {
    isThere: () => installed('@modelcontextprotocol/sdk'),
    otherwise: 'needs the SDK of the Model Context Protocol (npm install --prefix test/integration/runners)',
  },
  jest: { isThere: () => installed('jest'), otherwise: 'needs Jest (npm install --prefix test/integration/runners)' },
  'docker-registry': { isThere: () => works('docker-registry', '--version'), otherwise: 'needs docker-registry' },
  skopeo: { isThere: () => works('skopeo', '--version'), otherwise: 'needs skopeo' },
  umoci: { isThere: () => works('umoci', '--version'), otherwise: 'needs umoci' },
  buildah: { isThere: () => works('buildah', '--version'), otherwise: 'needs buildah' },
  podman: { isThere: () => works('podman', '--version'), otherwise: 'needs podman' },
  docker: { isThere: () => works('dockerd', '--version'), otherwise: 'needs docker (package docker.io)' },
  openssl: { isThere: () => works('openssl', 'version'), otherwise: 'needs openssl' },
  pnpm: { isThere: () => installed('pnpm'), otherwise: 'needs pnpm (npm install --prefix test/integration/runners)' },
  'musl-gcc': { isThere: () => works('musl-gcc', '--version'), otherwise: 'needs musl-gcc (package musl-tools)' },
  aarch64: {
    isThere: () => works('qemu-aarch64-static', '--version') && works('aarch64-linux-gnu-g++', '--version'),
    otherwise: 'needs qemu-user-static and a compiler for arm64 (package g++-aarch64-linux-gnu)',
  },
  systems: {
    isThere: () => systems.every(name => existsSync(`${SYSTEMS}/${name}`)),
    otherwise: `needs node test/integration/systems/make.mjs ${systems.join(' ')}`,
  },
  mmdebstrap: {
    isThere: () => works('mmdebstrap', '--version'),
    otherwise: 'needs mmdebstrap, and what it fetches from',
  },
  landlock: { isThere: () => landlockKnown() >= 6, otherwise: 'needs Landlock with scopes (Linux 6.12)' },
  python3: { isThere: () => works('python3', '--version'), otherwise: 'needs python3' },
}

/** The name of clang on this machine (`clang`, or Debian's `clang-14` and so on), undefined where there is none. */
export function clang(): string | undefined {
  const versions = ['', '-19', '-18', '-17', '-16', '-15', '-14', '-13']
  return versions.map(version => `clang${version}`).find(name => works(name, '--version'))
}

/** clang alone may lack the libraries of its sanitizers. */
function hasFuzzer(): boolean {
  const compiler = clang()
  const options = ['-x', 'c', '-', '-fsanitize=fuzzer,address,undefined', '-o', '/dev/null']
  const input = 'int LLVMFuzzerTestOneInput(const char *data, unsigned long size) { return 0; }'
  return (
    compiler !== undefined && spawnSync(compiler, options, { input, stdio: ['pipe', 'ignore', 'ignore'] }).status === 0
  )
}

const known = new Map<Need, boolean>()

function isThere(need: Need): boolean {
  const answer = known.get(need) ?? checks[need].isThere()
  known.set(need, answer)
  return answer
}

/**
 * Returns the reason why a test is skipped, or false: `t.test('...', { skip: missing('root') }, ...)`.
 * Throws with MUST_RUN=1 where something is missing that MAY_SKIP does not name.
 */
export function missing(...needs: readonly Need[]): string | false {
  const absent = needs.filter(need => !isThere(need))
  if (absent.length === 0) return false
  return excused(absent, absent.map(need => checks[need].otherwise).join(', '))
}

/** The reason for a skip. Throws with MUST_RUN=1 where MAY_SKIP does not have all of the names. */
export function excused(names: readonly string[], reason: string): string {
  const excepted = (process.env.MAY_SKIP ?? '').split(',')
  const isFailure = process.env.MUST_RUN === '1' && !names.every(name => excepted.includes(name))
  if (isFailure) throw new Error(`MUST_RUN=1, but this test ${reason}`)
  return reason
}
