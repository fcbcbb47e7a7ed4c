/** What containers of a pod share with each other, with the node, and not. */
import { readlinkSync } from 'node:fs'
import { sh, until } from '../../cri/pods.mjs'

const forever = ['sleep', '1000']
const kinds = ['pid', 'ipc', 'net', 'uts', 'mnt', 'user', 'cgroup']

/** For each kind of namespace: whether the containers and the node are in one. */
async function compareNamespaces(containers) {
  const pids = await Promise.all(containers.map(container => container.pid()))
  return kinds.map(kind => {
    const [first, ...rest] = pids.map(pid => readlinkSync(`/proc/${pid}/ns/${kind}`))
    const own = readlinkSync(`/proc/self/ns/${kind}`)
    return `${kind}: ${rest.every(each => each === first) ? 'shared' : 'apart'}, ${first === own ? 'of the node' : 'not of the node'}`
  })
}

const pair = async (pod, security) => [
  await pod.start({ command: forever, security }),
  await pod.start({ command: forever, security }),
]

/** @type {readonly import('../cri.mjs').CriScenario[]} */
export const sharingScenarios = [
  {
    title: 'namespaces: of the container, of the pod, of the node, of another container',
    play: async (node, say) => {
      const modes = [
        { pid: 'CONTAINER' },
        { pid: 'POD' },
        { pid: 'NODE', ipc: 'NODE', network: 'NODE' },
        { pid: 'CONTAINER', ipc: 'NODE' },
        { pid: 'CONTAINER', network: 'NODE' },
      ]
      for (const namespaceOptions of modes) {
        const pod = await node.runPod({ security: { namespaceOptions } })
        say(namespaceOptions)
        say(await compareNamespaces(await pair(pod, { namespaceOptions })))
      }
      const pod = await node.runPod({ security: { namespaceOptions: { pid: 'CONTAINER' } } })
      const [one] = await pair(pod, {})
      const debug = await pod.start({
        command: forever,
        security: { namespaceOptions: { pid: 'TARGET', targetId: one.id } },
      })
      say(await compareNamespaces([one, debug]))
      say(await debug.exec('ps -o args | grep -c "[s]leep"'))
    },
  },
  {
    title: 'a pod shares processes, memory and network; one ends, the others go on',
    play: async (node, say) => {
      const shared = { namespaceOptions: { pid: 'POD' } }
      const pod = await node.runPod({ security: shared })
      const one = await pod.start({
        name: 'one',
        command: sh('httpd -p 127.0.0.1:80 -h /etc; echo x > /dev/shm/file; exec sleep 1002'),
        security: shared,
      })
      const two = await pod.start({ name: 'two', command: ['sleep', '1001'], security: shared })
      await until(async () => ((await two.exec('cat /dev/shm/file')).stdout === 'x\n' ? true : undefined), 'the file')
      say(await two.exec('wget -q -O - http://127.0.0.1/group; ps -o args | grep -E "^sleep 100[12]" | sort; hostname'))
      say(await two.exec('kill -9 $(ps -o pid,args | grep "[s]leep 1002" | grep -o "[0-9]*" | head -n 1); echo $?'))
      say(await one.ended())
      say(await two.status())
      await two.exec('sh -c "sleep 0 & exec true"')
      say((await two.exec('ps -o stat,args | grep -c "^Z"')).stdout)
    },
  },
  {
    title: 'pods reach each other over the network, and the node reaches them',
    play: async (node, say) => {
      const [server, client] = [await node.runPod(), await node.runPod()]
      const web = await server.start({ command: sh('httpd -p 80 -h /etc; echo ready; exec sleep 1000') })
      await web.said('ready')
      const { ip } = (await server.status()).network
      say(
        await client.output(
          `wget -q -O - http://${ip}/group; ip -o -4 addr show eth0 | grep -c "10.88."; ip route | grep -c default`,
        ),
      )
      await server.stop()
      say(await client.output(`timeout 1 wget -q -T 1 -O - http://${ip}/group 2>/dev/null || echo gone`))
    },
  },
  {
    title: 'sysctls of a pod',
    play: async (node, say, refused) => {
      const pod = await node.runPod({
        sysctls: {
          'kernel.shm_rmid_forced': '1',
          'net.ipv4.ip_unprivileged_port_start': '80',
          'net/core/somaxconn': '200',
        },
      })
      say(
        await pod.output(
          'cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/core/somaxconn',
        ),
      )
      say(await refused(node.runPod({ name: 'wrong', sysctls: { 'kernel.hostname': 'x' } })))
      say(await refused(node.runPod({ name: 'wrong2', sysctls: { 'vm.swappiness': '1' } })))
      const { items } = await node.call('ListPodSandbox')
      say(items.map(({ metadata, state }) => `${metadata.name} ${state}`))
    },
  },
]
