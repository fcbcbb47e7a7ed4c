/**
 * A place for an engine, apart from the machine: mount, network and pid namespaces of its own, with a file system in
 * memory for its data. What the engine leaves in them goes with them, also where the test is killed; what would outlive
 * them (cgroups) is looked for and removed in `close()`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = dirname(dirname(here))
const engineFolders = ['/run', '/var/lib/containers', '/var/lib/cni', '/etc/cni/net.d', '/var/lib/containerd']

/** The paths of the runtimes that are compared; TSRUN in the environment names another tsrun than this one, TSRUN_FORM=standalone its executable. */
const standalone = join(root, 'native/build/standalone/tsrun')
const ours = process.env.TSRUN_FORM === 'standalone' ? standalone : join(root, 'dist/cli/tsrun.cjs')
export const runtimes = { tsrun: process.env.TSRUN ?? ours, standalone, runc: '/usr/sbin/runc' }

const prepare = `
set -e
for folder in $WORK ${engineFolders.join(' ')}; do
  [ ! -d $folder ] || mount -t tmpfs -o mode=755 tmpfs $folder
done
mkdir -p $WORK/bin $WORK/root/bin $WORK/root/etc $WORK/root/tmp $WORK/root/root $WORK/root/srv $WORK/scratch /run/lock
chmod 1777 $WORK/root/tmp
ip link set lo up
[ ! -e /proc/sys/net/ipv4/ip_forward ] || echo 1 > /proc/sys/net/ipv4/ip_forward
cp $BUSYBOX $WORK/root/bin/busybox
for applet in $($BUSYBOX --list); do ln -s busybox $WORK/root/bin/$applet 2>/dev/null || :; done
printf 'root:x:0:0:root:/root:/bin/sh\\nada:x:1000:1000::/tmp:/bin/sh\\n' > $WORK/root/etc/passwd
printf 'root:x:0:\\nada:x:1000:\\nextra:x:2000:ada\\n' > $WORK/root/etc/group
tar -C $WORK/root -cf $WORK/root.tar .
`

/** Asks until the answer is yes, for at most a minute: the machine may be busy. */
const prelude = `
eventually() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || { echo "never: $*"; return 1; }
    sleep 0.1
  done
}
cd $WORK/scratch
`

/**
 * @param {object} options
 * @param {string} options.engine the engine's name, for messages and the cgroup
 * @param {'tsrun' | 'standalone' | 'runc'} options.runtime what runs the containers
 * @param {string} options.commands shell functions' worth of wrappers: files written to the sandbox's own bin folder
 */
export async function openSandbox({ engine, runtime, commands = {} }) {
  const work = mkdtempSync(join(tmpdir(), `tsrun-engines-${engine}-${runtime}-`))
  const cgroup = work.slice(work.lastIndexOf('/') + 1)
  const environment = {
    PATH: `${work}/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin:${dirname(process.execPath)}`,
    HOME: work,
    XDG_RUNTIME_DIR: '/run',
    TMPDIR: work,
    LC_ALL: 'C.UTF-8',
    WORK: work,
    RUNTIME: runtimes[runtime],
    RUNTIME_NAME: runtime,
    BUSYBOX: '/bin/busybox',
    CGROUP: `/${cgroup}`,
  }
  const keeper = spawn(
    'unshare',
    [
      '--mount',
      '--net',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      '--',
      'bash',
      '-c',
      // It ends with its standard input, so that nothing is left also where the test is killed.
      'while read -r _; do :; done',
    ],
    { env: environment, stdio: ['pipe', 'ignore', 'inherit'] },
  )
  const inner = await childOf(keeper.pid)
  const enter = ['--target', String(inner), '--mount', '--net', '--pid', '--']

  async function run(script, { timeout = 60_000 } = {}) {
    const child = spawn('nsenter', [...enter, 'bash', '-c', prelude + script], { env: environment, detached: true })
    child.stdin.end()
    return await finished(child, timeout)
  }

  /** Starts the engine itself, with what it says kept for the report of a failure. */
  function serve(command, logFile) {
    return spawn('nsenter', [...enter, 'bash', '-c', `cd $WORK && exec ${command} >${logFile} 2>&1`], {
      env: environment,
      stdio: 'ignore',
    })
  }

  /** The processes that are left of all that was started in here. */
  async function processes() {
    const { stdout } = await run("ps -e -o pid=,args= | grep -v -E '^ +1 |ps -e -o|grep -v|bash -c eventually'")
    return stdout
  }

  async function close() {
    keeper.kill('SIGKILL')
    if (keeper.exitCode === null && keeper.signalCode === null) await once(keeper, 'exit')
    const left = await removeCgroups(cgroup)
    rmSync(work, { recursive: true, force: true })
    return left
  }

  const sandbox = { engine, runtime, work, run, serve, processes, close }
  const scripts = ['terminal', 'layout'].map(name => [name, `python3 ${join(here, `${name}.py`)}`])
  const tools = { ...Object.fromEntries(scripts), ...commands }
  const ready = await run(`cd /; ${prepare}${Object.entries(tools).map(writeCommand).join('\n')}`)
  if (ready.exitCode !== 0) {
    await close()
    throw new Error(`the sandbox of ${engine} could not be made: ${ready.stderr}`)
  }
  return sandbox
}

const writeCommand = ([name, line]) =>
  `printf '%s\\n' '#!/bin/sh' 'exec ${line} "$@"' > $WORK/bin/${name}; chmod +x $WORK/bin/${name}`

async function childOf(pid) {
  for (;;) {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
    if (child !== '' && readFileSync(`/proc/${child}/comm`, 'utf8') === 'bash\n') return Number(child)
    await sleep(10)
  }
}

/** What a command wrote and how it ended; one that takes too long is killed with all that it started. */
async function finished(child, timeout) {
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', text => (output[name] += text))
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    process.kill(-child.pid, 'SIGKILL')
  }, timeout)
  const [exitCode, signal] = await once(child, 'close')
  clearTimeout(timer)
  return { exitCode: timedOut ? 'timed out' : (exitCode ?? signal), ...output }
}

/** Removes the cgroups below the sandbox's own, and says which of those were not the engine's to keep. */
async function removeCgroups(name) {
  const left = []
  const base = '/sys/fs/cgroup'
  for (const hierarchy of [base, ...readdirSync(base).map(entry => join(base, entry))]) {
    const folder = join(hierarchy, name)
    if (!existsSync(folder)) continue
    left.push(...foldersBelow(folder))
    await removeTree(folder)
  }
  return left
}

const foldersBelow = folder =>
  readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .flatMap(({ name }) => [...foldersBelow(join(folder, name)), join(folder, name)])

async function removeTree(folder) {
  for (const each of [...foldersBelow(folder), folder]) {
    for (let tries = 0; existsSync(each) && tries < 50; tries++) {
      try {
        rmdirSync(each)
      } catch {
        await sleep(20)
      }
    }
  }
}
