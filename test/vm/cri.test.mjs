/** A pod through containerd's CRI with the cgroups of systemd, as a node of Kubernetes has them: by the executable, beside runc. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openNode, sh, within } from '../engines/cri/pods.mjs'
import { plugin, runtimeSection } from '../engines/cri.mjs'
import { cgroupOf, host, read, unitOf } from './box.mjs'
import { test } from './tap.mjs'

const at = path => fileURLToPath(new URL(path, import.meta.url))
/** Made by .ci/newest-engines. */
const engines = at('../integration/systems/downloads/engines-sid')
const executable = at('../../native/build/standalone/tsrun')
const lacking = [engines, executable].find(path => !existsSync(path))
const options = lacking === undefined ? {} : { skip: `there is no ${lacking}` }

const MiB = 1024 * 1024
const SLICE = 'vmcri.slice'
const BY_SYSTEMD = '    SystemdCgroup = true'
const configuration = work => `version = 2
root = "${work}/data"
state = "${work}/state"
[grpc]
  address = "${work}/containerd.sock"
[${plugin}]
  sandbox_image = "localhost/pause:latest"
  disable_apparmor = true
${runtimeSection('tsrun', executable, BY_SYSTEMD)}${runtimeSection('runc', '/usr/sbin/runc', BY_SYSTEMD)}`

/** The root of the engines with a layer in memory over it; /run is the machine's, since systemd listens there. */
const START = `
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o "lowerdir=$1,upperdir=/mnt/upper,workdir=/mnt/work" overlay /mnt/root
cd /mnt/root
for folder in proc sys dev run; do mount --rbind "/$folder" "$folder"; done
mkdir -p ".$2" && mount --rbind "$2" ".$2"
mkdir -p .old && pivot_root . .old && umount -l /.old && cd /
exec containerd --config "$3/containerd.toml" >"$3/log" 2>&1`

const PAUSE = '{"Env":["PATH=/bin"],"Entrypoint":["sh","-c","trap exit TERM; while sleep 1000 & do wait; done"]}'

async function startContainerd() {
  const work = mkdtempSync('/run/tsrun-vm-cri-')
  mkdirSync(join(work, 'root/bin'), { recursive: true })
  copyFileSync('/bin/busybox', join(work, 'root/bin/busybox'))
  for (const name of ['sh', 'sleep', 'echo', 'dd']) symlinkSync('busybox', join(work, 'root/bin', name))
  host('tar', '-C', join(work, 'root'), '-cf', join(work, 'root.tar'), '.')
  writeFileSync(join(work, 'containerd.toml'), configuration(work))
  const words = ['--mount', '--propagation', 'private', 'bash', '-euc', START, 'bash', engines, at('../..'), work]
  const child = spawn('unshare', words, { stdio: 'ignore' })
  const inside = (...command) => host('nsenter', '--target', String(child.pid), '--mount', ...command)
  const socket = join(work, 'containerd.sock')
  const ended = new Promise(resolve => child.on('exit', resolve))
  const stop = () => {
    child.kill('SIGTERM')
    return ended
  }
  try {
    await within(120, async () => (existsSync(socket) ? true : undefined), 'containerd listens')
    const images = ['localhost/bb:latest={"Env":["PATH=/bin"]}', `localhost/pause:latest=${PAUSE}`]
    inside('env', `WORK=${work}`, 'python3', at('../engines/layout.py'), ...images)
    inside('ctr', '-a', socket, '-n', 'k8s.io', 'image', 'import', join(work, 'image.tar'))
    return { socket, folder: work, stop }
  } catch (error) {
    await stop()
    throw new Error(`${error.message}\ncontainerd: ${tailOf(join(work, 'log'))}`, { cause: error })
  }
}

const tailOf = path => (existsSync(path) ? readFileSync(path, 'utf8').slice(-2000) : 'no log')

/** The machine is slow, and more so when its memory is full. */
const endOf = container =>
  within(
    300,
    async () => {
      const now = await container.status()
      return now.state === 'CONTAINER_EXITED' ? now : undefined
    },
    `the end of ${container.id}`,
  )

/** What is seen of a pod's life; the same of both runtimes. */
async function lifeOf(node, name) {
  const seen = []
  const pod = await node.runPod({ name, security: { namespaceOptions: { network: 'NODE' } } })
  const one = await pod.start({ command: sh('trap exit TERM; while sleep 0.1; do :; done'), resources: limit(64) })
  const pid = await one.pid()
  const cgroup = cgroupOf(pid)
  const scope = `cri-containerd-${one.id}.scope`
  assert.equal(cgroup, `/sys/fs/cgroup/${SLICE}/vmcri-${name}.slice/${scope}`)
  const limits = () => [read(cgroup, 'memory.max'), unitOf(scope, 'MemoryMax').MemoryMax]
  seen.push(limits(), (await one.exec('echo inside')).stdout)
  await node.call('UpdateContainerResources', { containerId: one.id, linux: limit(32) })
  seen.push(limits())
  host('systemctl', 'daemon-reload')
  seen.push(limits())
  await one.stop(30)
  seen.push(await one.status())
  const big = await pod.start({ command: sh('dd if=/dev/zero of=/dev/null bs=40M'), resources: limit(15) })
  seen.push(await endOf(big))
  await pod.remove()
  assert.equal(unitOf(scope, 'LoadState').LoadState, 'not-found')
  assert.equal(existsSync(cgroup), false)
  return seen
}

const limit = mebibytes => ({ memoryLimitInBytes: mebibytes * MiB, memorySwapLimitInBytes: mebibytes * MiB })

test(
  'a pod of the kubelet has scopes in its slice, with limits, updates, exec and its end as with runc, and the reason of OOM',
  async () => {
    const { stop, ...engine } = await startContainerd()
    try {
      const lives = []
      for (const handler of ['tsrun', 'runc']) {
        const node = openNode({
          ...engine,
          handler,
          cgroup: `/${SLICE}`,
          parentOf: name => `/${SLICE}/vmcri-${name}.slice`,
        })
        try {
          lives.push(await lifeOf(node, handler))
        } finally {
          await node.removeAll()
          node.close()
        }
      }
      const [ours, runcs] = lives
      const bytes = count => [String(count * MiB), String(count * MiB)]
      const completed = { state: 'CONTAINER_EXITED', exitCode: 0, reason: 'Completed' }
      assert.deepEqual(ours.slice(0, -1), [bytes(64), 'inside\n', bytes(32), bytes(32), completed])
      assert.deepEqual(ours.slice(0, -1), runcs.slice(0, -1))
      // With runc the reason may be lost here: its shim listens after the start, and the machine is slow.
      assert.deepEqual(ours.at(-1), { state: 'CONTAINER_EXITED', exitCode: 137, reason: 'OOMKilled' })
    } finally {
      await stop()
    }
  },
  options,
)
