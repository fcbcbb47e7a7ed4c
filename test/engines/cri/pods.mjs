/** Pods and containers with the defaults that the kubelet gives them. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { connect } from './calls.mjs'

/** What the kubelet asks for if a pod does not say otherwise (`procMount: Default`). */
const kubelet = {
  namespaceOptions: { pid: 'CONTAINER' },
  seccomp: { profileType: 'Unconfined' },
  maskedPaths: ['/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list', '/proc/scsi'],
  readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
}

const image = { image: 'localhost/bb:latest' }

/** The words that a shell gets. */
export const sh = script => ['sh', '-c', script]

/** Waits until `look` gives something that is not undefined, for at most a minute. */
export const until = (look, what) => within(60, look, what)

/** The same, for at most so many seconds. */
export async function within(seconds, look, what) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error(`never: ${what}`)
}

const hierarchies = existsSync('/sys/fs/cgroup/cgroup.controllers')
  ? ['/sys/fs/cgroup']
  : readdirSync('/sys/fs/cgroup', { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(({ name }) => join('/sys/fs/cgroup', name))

/** The cgroup of a pod is made and removed by the kubelet; the runtime makes those of containers in it. */
const cgroupFolders = path => hierarchies.map(hierarchy => join(hierarchy, path))

/**
 * @param {{ socket: string, handler: string, cgroup: string, folder: string, parentOf?: (name: string) => string }} options the engine,
 *   the name that it has for the runtime, the cgroup that pods are below, a folder for logs, and the cgroup of a pod if it is not of its name
 */
export function openNode({ socket, handler, cgroup, folder, parentOf = name => `${cgroup}/${name}` }) {
  const { call, renew, close } = connect(socket)
  let count = 0

  /** `config` is CRI's PodSandboxConfig in part; its security context is `security`. */
  async function runPod({ name = `pod${++count}`, security = {}, sysctls, ...config } = {}) {
    const logs = join(folder, 'logs', name)
    const cgroupParent = parentOf(name)
    for (const each of [logs, ...cgroupFolders(cgroupParent)]) mkdirSync(each, { recursive: true })
    const whole = {
      metadata: { name, uid: `${name}-uid`, namespace: 'default' },
      hostname: security.namespaceOptions?.network === 'NODE' ? '' : name,
      logDirectory: logs,
      linux: { cgroupParent, securityContext: security, sysctls },
      ...config,
    }
    const { podSandboxId } = await call('RunPodSandbox', { config: whole, runtimeHandler: handler })
    return podOf({ call, id: podSandboxId, config: whole, logs })
  }

  async function removeAll() {
    const { items } = await call('ListPodSandbox')
    await Promise.all(items.map(({ id }) => removePod(call, id)))
    for (const folder of cgroupFolders(cgroup).filter(existsSync))
      for (const pod of readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory()))
        rmdirSync(join(folder, pod.name))
  }
  return { call, runPod, removeAll, renew, close, folder, cgroup }
}

/** containerd 1.6 loses a call if the shim that it is for ends meanwhile. The kubelet asks again, and so may we when the test is over. */
async function stopPod(call, podSandboxId) {
  try {
    await call('StopPodSandbox', { podSandboxId })
  } catch (error) {
    if (!error.details?.includes('ttrpc: closed')) throw error
    await call('StopPodSandbox', { podSandboxId })
  }
}

async function removePod(call, podSandboxId) {
  await stopPod(call, podSandboxId)
  await call('RemovePodSandbox', { podSandboxId })
}

function podOf({ call, id, config, logs }) {
  let count = 0

  /** `rest` is CRI's ContainerConfig in part; `security` and `resources` are those of `linux` in it. */
  async function create({ name = `c${++count}`, attempt = 0, security = {}, resources = {}, ...rest }) {
    const logPath = `${name}-${attempt}.log`
    const linux = { securityContext: { ...kubelet, ...security }, resources }
    const container = { metadata: { name, attempt }, image, logPath, linux, ...rest }
    const request = { podSandboxId: id, config: container, sandboxConfig: config }
    const { containerId } = await call('CreateContainer', request)
    return containerOf({ call, id: containerId, log: join(logs, logPath) })
  }

  async function start(rest) {
    const container = await create(rest)
    await call('StartContainer', { containerId: container.id })
    return container
  }
  return {
    id,
    create,
    start,
    /** What a container printed that ran `script` to its end. */
    output: async (script, rest = {}) => {
      const container = await start({ command: sh(script), ...rest })
      const { exitCode } = await container.ended()
      const text = container.printed()
      return exitCode === 0 ? text : `${text}exit code ${exitCode}\n`
    },
    status: async () => (await call('PodSandboxStatus', { podSandboxId: id, verbose: true })).status,
    info: async () => JSON.parse((await call('PodSandboxStatus', { podSandboxId: id, verbose: true })).info.info),
    stop: () => call('StopPodSandbox', { podSandboxId: id }),
    remove: () => removePod(call, id),
    cgroups: () => cgroupFolders(config.linux.cgroupParent).filter(existsSync),
  }
}

function containerOf({ call, id, log }) {
  const full = () => call('ContainerStatus', { containerId: id, verbose: true })
  const status = async () => {
    const { state, exitCode, reason } = (await full()).status
    return { state, exitCode, reason }
  }
  const ended = () =>
    until(async () => {
      const now = await status()
      return now.state === 'CONTAINER_EXITED' ? now : undefined
    }, `the end of ${id}`)
  const exec = async (script, timeout = 30) => {
    const answer = await call('ExecSync', { containerId: id, cmd: sh(script), timeout })
    return { stdout: String(answer.stdout), stderr: String(answer.stderr), exitCode: answer.exitCode }
  }
  /** In the engine's form, without the times. */
  const lines = () => readFileSync(log, 'utf8').replace(/^\S+ /gm, '')
  return {
    id,
    log,
    full,
    status,
    ended,
    exec,
    lines,
    /** Output, then errors: they are two pipes, so their order in the log is not one. */
    printed: () => ['stdout', 'stderr'].map(stream => linesOf(lines(), stream)).join(''),
    said: text => until(async () => (lines().includes(text) ? text : undefined), `${text} in the log`),
    pid: async () => JSON.parse((await full()).info.info).pid,
    stop: (timeout = 10) => call('StopContainer', { containerId: id, timeout }),
    remove: () => call('RemoveContainer', { containerId: id }),
  }
}

const linesOf = (text, stream) =>
  text
    .split('\n')
    .filter(line => line.startsWith(stream))
    .map(line => (line.startsWith(`${stream} P`) ? line.slice(9) : `${line.slice(9)}\n`))
    .join('')

const execute = promisify(execFile)

/** What a command of the host prints, without its last line end. */
export const host = async (...words) => (await execute(words[0], words.slice(1))).stdout.trimEnd()
