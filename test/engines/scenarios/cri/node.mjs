/** What happens to a node: its engine ends and begins again, a shim is killed, many pods come at once. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, rmdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { sh, until } from '../../cri/pods.mjs'

const forever = ['sleep', '1000']
/** How many pods come at once: `PODS=50`, for a machine that has nothing else to do. */
const many = Number(process.env.PODS || 10)
/** So many of them are made in the same moment. */
const AT_ONCE = 50

const { WORK } = process.env

/** The engine's pid, once it is written. */
const engine = () => until(async () => Number(readFileSync(join(WORK, 'containerd.pid'), 'utf8')) || undefined, 'a pid')

/** The engine ends by `signal`, `meanwhile` happens, and it is there again (cri.mjs starts it). */
async function restart(node, signal, meanwhile = async () => {}) {
  const pid = await engine()
  process.kill(pid, 'SIGSTOP')
  await meanwhile()
  process.kill(pid, signal)
  if (signal !== 'SIGKILL') process.kill(pid, 'SIGCONT')
  await until(async () => ((await engine()) === pid ? undefined : true), 'another engine')
  await until(() => {
    node.renew()
    return node.call('Status').catch(() => undefined)
  }, 'the engine')
}

/** The folders of all of a process's cgroups that are its own. */
function cgroupsOf(pid) {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').matchAll(/^\d+:(?:name=)?([^:]*):(.*)$/gm)
  const folders = [...lines].flatMap(([, name, path]) => [
    join('/sys/fs/cgroup', name || 'unified', path),
    join('/sys/fs/cgroup', path),
  ])
  return [...new Set(folders)].filter(folder => folder.includes(basename(WORK)) && existsSync(folder))
}

const parentOf = pid => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/PPid:\t(\d+)/)[1])

/** containerd 2 forgets a container whose shim is gone, and the shim of a pod whose first process is: with any runtime they stay. */
async function endForgotten(pid) {
  if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL')
  await until(async () => (existsSync(`/proc/${pid}`) ? undefined : true), 'the end of what was forgotten')
}

const states = async node => {
  const { containers } = await node.call('ListContainers')
  const { items } = await node.call('ListPodSandbox')
  const all = [...items, ...containers].map(({ metadata, state }) => `${metadata.name} ${state}`)
  return all.sort()
}

/** @type {readonly import('../cri.mjs').CriScenario[]} */
export const nodeScenarios = [
  {
    title: 'the engine is started again while pods are alive',
    timeout: 120_000,
    play: async (node, say) => {
      const pod = await node.runPod({ name: 'old' })
      const alive = await pod.start({
        name: 'alive',
        command: sh('for i in $(seq 3000); do echo tick; sleep 0.1; done'),
      })
      const ends = await pod.start({
        name: 'ends',
        command: sh('for i in $(seq 600); do [ -e /go ] && exit 7; sleep 0.1; done'),
      })
      const goes = await pod.start({ name: 'goes', command: forever })
      await alive.said('tick')
      const pid = await goes.pid()
      for (const signal of ['SIGTERM', 'SIGKILL']) {
        await restart(node, signal)
        say(await states(node))
        say(await alive.exec('echo still here'))
      }
      await ends.exec('touch /go')
      say(await ends.ended())
      await restart(node, 'SIGKILL', async () => process.kill(pid, 'SIGKILL'))
      say(await goes.ended())
      const lines = alive.lines().length
      await until(async () => (alive.lines().length > lines ? true : undefined), 'its log goes on')
      await alive.stop(0)
      say(await alive.status())
      say(await pod.output('echo a new one'))
      await pod.remove()
      say(await states(node))
    },
  },
  {
    title: 'the shim of a pod is killed, and all of it can be removed',
    timeout: 120_000,
    play: async (node, say) => {
      const pod = await node.runPod({ name: 'lost' })
      const one = await pod.start({ name: 'one', command: forever })
      const pid = await one.pid()
      const folders = cgroupsOf(pid)
      process.kill(parentOf(pid), 'SIGKILL')
      say(await one.ended())
      await until(
        async () => ((await pod.status()).state === 'SANDBOX_NOTREADY' ? true : undefined),
        'the pod is not ready',
      )
      await pod.remove()
      say(await states(node))
      await endForgotten(pid)
      for (const folder of folders.filter(existsSync)) rmdirSync(folder)
      const again = await node.runPod({ name: 'lost' })
      say(await again.output('echo again'))
    },
  },
  {
    title: 'the first process of a pod is killed',
    play: async (node, say) => {
      const pod = await node.runPod({ name: 'headless' })
      const one = await pod.start({ name: 'one', command: forever })
      const { pid } = await pod.info()
      const shim = parentOf(pid)
      process.kill(pid, 'SIGKILL')
      await until(
        async () => ((await pod.status()).state === 'SANDBOX_NOTREADY' ? true : undefined),
        'the pod is not ready',
      )
      say(await one.status())
      await pod.stop()
      say(await states(node))
      await pod.remove()
      await endForgotten(shim)
    },
  },
  {
    title: 'a container is saved for whoever examines it, and goes on',
    needs: {
      script: "containerd --version | awk '{ exit $3 !~ /^v?([2-9]|1[0-9])[.]/ }' && criu check",
      what: 'containerd 2, and a CRIU that works with this kernel',
    },
    play: async (node, say) => {
      const pod = await node.runPod()
      // It starts no program meanwhile: CRIU can't stop what is in vfork(2), as newer shells are then.
      const ticking =
        'mkfifo /tmp/never; exec 3<>/tmp/never; for i in $(seq 3000); do read -t 0.1 -r _ <&3; echo tick; done'
      const one = await pod.start({ command: sh(ticking) })
      await one.said('tick')
      const location = join(node.folder, 'saved.tar')
      await node.call('CheckpointContainer', { containerId: one.id, location }).catch(error => {
        const [, log] = /path= (\S+)/.exec(error.details) ?? []
        if (log !== undefined) console.error(readFileSync(log, 'utf8').match(/^.*(Error|Warn).*$/gm))
        throw error
      })
      const { stdout } = await promisify(execFile)('tar', ['tf', location])
      say([...new Set(stdout.split('\n').map(name => name.replace(/[0-9]+/g, 'N')))].sort())
      const lines = one.lines().length
      await until(async () => (one.lines().length > lines ? true : undefined), 'it goes on')
      say(await one.exec('echo still here'))
    },
  },
  {
    title: 'many pods at once',
    timeout: 60_000 + many * 6000,
    play: async (node, say) => {
      const began = Date.now()
      const containers = []
      while (containers.length < many) {
        const next = Array.from({ length: Math.min(AT_ONCE, many - containers.length) }, () => node.runPod())
        const pods = await Promise.all(next)
        containers.push(...(await Promise.all(pods.map(pod => pod.start({ command: forever })))))
      }
      const made = Date.now()
      const answers = await Promise.all(containers.map((container, index) => container.exec(`echo ${index}`)))
      say(answers.every(({ stdout }, index) => stdout === `${index}\n`))
      say((await states(node)).filter(each => /READY$|RUNNING$/.test(each)).length)
      const asked = Date.now()
      await Promise.all(containers.map(container => container.stop(0)))
      say(
        (await Promise.all(containers.map(container => container.status()))).every(({ exitCode }) => exitCode === 137),
      )
      await node.removeAll()
      say(await states(node))
      console.error(
        `${many} pods: made in ${made - began} ms, exec ${asked - made} ms, removed in ${Date.now() - asked} ms`,
      )
    },
  },
]
