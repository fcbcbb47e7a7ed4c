/** Pods and containers from their beginning to their end. */
import { renameSync } from 'node:fs'
import { sh } from '../../cri/pods.mjs'

const forever = ['sleep', '1000']

/** @type {readonly import('../cri.mjs').CriScenario[]} */
export const lifeScenarios = [
  {
    title: 'the runtime is ready, and its network too',
    play: async (node, say) => {
      const { status } = await node.call('Status')
      for (const { type, status: is } of status.conditions.filter(({ type }) => /^(Runtime|Network)Ready$/.test(type)))
        say({ type, is })
    },
  },
  {
    title: 'containers run to their end, with log and exit code',
    play: async (node, say) => {
      const pod = await node.runPod()
      const one = await pod.start({ command: sh('echo out; echo err >&2; printf part; exit 7') })
      say(await one.ended())
      say(one.lines().split('\n').sort())
      const long = await pod.start({ command: sh('head -c 40000 /dev/zero | tr "\\0" x') })
      say(await long.ended())
      say(long.lines().replace(/x+/g, text => text.length))
      say(await (await pod.start({ command: sh('kill -9 $$') })).ended())
      say(await (await pod.start({ command: ['true'] })).ended())
      say((await pod.status()).state)
    },
  },
  {
    title: 'states, a stop that is obeyed, one that is not, and removal',
    play: async (node, say, refused) => {
      const pod = await node.runPod({ labels: { a: 'b' }, annotations: { 'with/slash': 'x y' } })
      const { state, labels, annotations, metadata } = await pod.status()
      say({ state, labels, annotations, metadata })
      const polite = await pod.create({ command: sh('trap "echo bye; exit 3" TERM; echo ready; sleep 1000 & wait') })
      say(await polite.status())
      await node.call('StartContainer', { containerId: polite.id })
      await polite.said('ready')
      say(await polite.status())
      await polite.stop(20)
      say(await polite.status())
      say(polite.lines())
      const deaf = await pod.start({ command: sh('trap "" TERM; echo ready; exec sleep 1000') })
      await deaf.said('ready')
      await deaf.stop(1)
      say(await deaf.status())
      await deaf.stop(1)
      const now = await pod.start({ command: forever })
      await now.stop(0)
      say(await now.status())
      const alive = await pod.start({ command: forever })
      await alive.remove()
      say(await refused(alive.full()))
      const { containers } = await node.call('ListContainers')
      say(containers.map(({ state, metadata }) => `${metadata.name} ${state}`).sort())
      await pod.start({ command: forever })
      await pod.stop()
      say((await pod.status()).state)
      say(await refused(pod.start({ command: forever })))
      await pod.stop()
      await pod.remove()
      await node.call('RemovePodSandbox', { podSandboxId: pod.id })
      say(await refused(pod.status()))
    },
  },
  {
    title: 'a program that cannot be executed, and a working directory that is not there',
    play: async (node, say, refused) => {
      const pod = await node.runPod()
      const wrong = [
        { command: ['nowhere'] },
        { command: ['/nowhere'] },
        { command: ['/etc/passwd'] },
        { command: ['/etc'] },
        { command: [''] },
      ]
      for (const config of wrong) {
        const container = await pod.create(config)
        say(await refused(node.call('StartContainer', { containerId: container.id })))
        say(await container.status())
      }
      say(await pod.output('pwd', { workingDir: '/made/for/it' }))
      const running = await pod.start({ command: forever })
      for (const cmd of [['nowhere'], ['/etc/passwd'], ['']])
        say(await refused(node.call('ExecSync', { containerId: running.id, cmd, timeout: 10 })))
    },
  },
  {
    title: 'exec: output, exit code, time, many at once, much output',
    play: async (node, say, refused) => {
      const pod = await node.runPod()
      const one = await pod.start({ command: forever, envs: [{ key: 'A', value: 'b c' }], workingDir: '/tmp' })
      say(await one.exec('echo out; echo err >&2; pwd; echo $A; exit 9'))
      say(await one.exec('kill -9 $$'))
      say(await refused(one.exec('sleep 100', 1)))
      say(await one.exec('ps | grep -c "sleep 10[0]$"'))
      const many = await Promise.all(Array.from({ length: 20 }, (_, index) => one.exec(`echo ${index}; exit ${index}`)))
      say(many.map(({ stdout, exitCode }) => `${stdout.trim()}:${exitCode}`))
      say((await one.exec('head -c 3000000 /dev/zero | tr "\\0" x')).stdout.length)
      await one.stop(0)
      say(await refused(one.exec('true')))
    },
  },
  {
    title: 'variables, arguments, directory, host name and names of servers',
    play: async (node, say) => {
      const pod = await node.runPod({
        hostname: 'named',
        dnsConfig: { servers: ['10.0.0.10'], searches: ['svc.local'], options: ['ndots:5'] },
      })
      const envs = [
        { key: 'A', value: 'with space' },
        { key: 'EMPTY', value: '' },
        { key: 'UMLAUT', value: 'ä=ö' },
      ]
      say(await pod.output('env | grep -E "^(A|EMPTY|UMLAUT|PATH|HOSTNAME|HOME)=" | sort; hostname', { envs }))
      say(await pod.output('cat /etc/resolv.conf; grep -c . /etc/hosts; pwd', { workingDir: '/srv' }))
      const config = { command: ['printf', '[%s]'], args: ['', 'a b', '$A', '*'] }
      const printed = await pod.start(config)
      await printed.ended()
      say(printed.printed())
    },
  },
  {
    title: 'a container is started again, and its log opened again',
    play: async (node, say) => {
      const pod = await node.runPod()
      for (const attempt of [0, 1, 2]) {
        const container = await pod.start({ name: 'again', attempt, command: sh(`echo attempt ${attempt}; exit 1`) })
        say(await container.ended())
        say(container.lines())
      }
      const { containers } = await node.call('ListContainers')
      say(
        containers
          .map(({ metadata, state }) => ({ metadata, state }))
          .sort((a, b) => a.metadata.attempt - b.metadata.attempt),
      )
      const writer = await pod.start({
        command: sh('echo first; while [ ! -e /go ]; do sleep 0.1; done; echo second; sleep 1000'),
      })
      await writer.said('first')
      renameSync(writer.log, `${writer.log}.1`)
      await node.call('ReopenContainerLog', { containerId: writer.id })
      await writer.exec('touch /go')
      await writer.said('second')
      say(writer.lines())
    },
  },
]
