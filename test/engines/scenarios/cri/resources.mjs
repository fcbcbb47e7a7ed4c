/** Limits, what is used of them, and what happens beyond them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sh, within } from '../../cri/pods.mjs'

const forever = ['sleep', '1000']
const MIB = 1024 * 1024
const base = '/sys/fs/cgroup'

/** The files of limits, by version. What is not asked for is the kernel's to choose. */
const files = {
  memory: ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'memory.max', 'memory.swap.max'],
  cpu: ['cpu.shares', 'cpu.cfs_quota_us', 'cpu.cfs_period_us', 'cpu.max', 'cpu.weight'],
  cpuset: ['cpuset.cpus', 'cpuset.mems'],
  pids: ['pids.max'],
}

/** The folder of a process for a controller, in either version. */
function folderOf(pid, controller) {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n')
  const [, path] = lines.map(line => line.match(`:(?:[^:]*,)?${controller}(?:,[^:]*)?:(.*)$`)).find(Boolean) ?? []
  if (path !== undefined) return join(base, controller, path)
  const unified = lines.find(line => line.startsWith('0::'))?.slice(3) ?? ''
  return join(base, unified)
}

async function limits(container) {
  const pid = await container.pid()
  const found = Object.entries(files).flatMap(([controller, names]) => {
    const folder = folderOf(pid, controller)
    const there = names.filter(name => existsSync(join(folder, name)))
    return there.map(name => [name, readFileSync(join(folder, name), 'utf8').trim()])
  })
  return { ...Object.fromEntries(found), oom: readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim() }
}

/** The engine hears of an end and of its reason on two ways: the reason may come some moments later. */
async function reasonOf(container) {
  const look = async () => ((await container.status()).reason === 'OOMKilled' ? true : undefined)
  await within(2, look, 'a reason').catch(() => undefined)
  return await container.status()
}

/** @type {readonly import('../cri.mjs').CriScenario[]} */
export const resourceScenarios = [
  {
    title: 'limits, and another size while it runs',
    play: async (node, say, refused) => {
      const pod = await node.runPod()
      const resources = {
        memoryLimitInBytes: 64 * MIB,
        cpuShares: 512,
        cpuQuota: 50_000,
        cpuPeriod: 100_000,
        cpusetCpus: '0',
        oomScoreAdj: 500,
      }
      const one = await pod.start({ command: forever, resources })
      say(await limits(one))
      say(await limits(await pod.start({ command: forever })))
      const update = linux => node.call('UpdateContainerResources', { containerId: one.id, linux })
      await update({ memoryLimitInBytes: 128 * MIB })
      say(await limits(one))
      await update({
        cpuShares: 2,
        cpuQuota: 20_000,
        cpuPeriod: 50_000,
        cpusetCpus: '0-1',
        memoryLimitInBytes: 32 * MIB,
      })
      say(await limits(one))
      await update({ cpuQuota: -1 })
      say(await limits(one))
      say(await refused(update({ cpusetCpus: '999' })))
      const waiting = await pod.create({ command: forever, resources })
      await node.call('UpdateContainerResources', { containerId: waiting.id, linux: { memoryLimitInBytes: 96 * MIB } })
      await node.call('StartContainer', { containerId: waiting.id })
      say(await limits(waiting))
      say(await one.exec('echo still here'))
    },
  },
  {
    title: 'stats of a container and of all',
    play: async (node, say) => {
      const pod = await node.runPod()
      const busy = await pod.start({
        name: 'busy',
        command: sh('dd if=/dev/zero of=/dev/null bs=1M count=2000 2>/dev/null; exec sleep 1000'),
      })
      await pod.start({ name: 'calm', command: forever })
      const { stats } = await node.call('ContainerStats', { containerId: busy.id })
      const { cpu, memory, attributes } = stats
      say({
        ...attributes.metadata,
        cpu: cpu.usageCoreNanoSeconds.value > 1_000_000,
        memory: memory.workingSetBytes.value > 4096,
      })
      const all = await node.call('ListContainerStats')
      say(all.stats.map(each => each.attributes.metadata.name).sort())
      const { stats: ofPod } = await node.call('PodSandboxStats', { podSandboxId: pod.id })
      say(ofPod.linux.containers.map(each => each.attributes.metadata.name).sort())
    },
  },
  {
    title: 'the reason of an end is that there was no memory left, each of 20 times',
    timeout: 180_000,
    play: async (node, say) => {
      const pod = await node.runPod()
      const command = sh('dd if=/dev/zero of=/dev/null bs=20M')
      const reasons = {}
      for (let times = 0; times < 20; times++) {
        const container = await pod.start({ command, resources: { memoryLimitInBytes: 15 * MIB } })
        await container.ended()
        const { exitCode, reason } = await reasonOf(container)
        const seen = `${exitCode} ${reason}`
        reasons[seen] = (reasons[seen] ?? 0) + 1
      }
      console.error(JSON.stringify(reasons))
      say(Object.keys(reasons).every(each => each.startsWith('137 ')))
      // On a busy machine the shim is told too late now and then, with runc too. Started as any program is, most would not be told of.
      say((reasons['137 OOMKilled'] ?? 0) >= 17)
      const later = sh('echo ready; sleep 0.2; dd if=/dev/zero of=/dev/null bs=20M; echo survived')
      const parent = await pod.start({ command: later, resources: { memoryLimitInBytes: 15 * MIB } })
      await parent.ended()
      say(await reasonOf(parent))
      say(parent.lines().includes('survived'))
    },
  },
  {
    title: 'the cgroup of the pod belongs to the kubelet, and stays',
    play: async (node, say) => {
      const pod = await node.runPod({ name: 'kept' })
      const one = await pod.start({ command: forever, resources: { memoryLimitInBytes: 64 * MIB } })
      const parent = join(folderOf(await one.pid(), 'memory'), '..')
      const count = () => readdirSync(parent, { withFileTypes: true }).filter(entry => entry.isDirectory()).length
      say(count())
      await one.remove()
      say(count())
      const before = pod.cgroups()
      await pod.remove()
      say(pod.cgroups().length === before.length)
      say(count())
    },
  },
]
