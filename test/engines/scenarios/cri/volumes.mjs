/** Mounts of the node in containers. */
import {
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { host, sh } from '../../cri/pods.mjs'

const forever = ['sleep', '1000']

function folderOf(node, name) {
  const folder = join(node.folder, name)
  mkdirSync(folder, { recursive: true })
  return folder
}

/** @type {readonly import('../cri.mjs').CriScenario[]} */
export const volumeScenarios = [
  {
    title: 'volumes: for writing, for reading, a file, one below another, a link of the node',
    play: async (node, say, refused) => {
      const folder = folderOf(node, 'volume')
      writeFileSync(join(folder, 'file'), 'of the node\n')
      symlinkSync(folder, join(node.folder, 'link'))
      const pod = await node.runPod()
      const mounts = [
        { containerPath: '/data', hostPath: folder },
        { containerPath: '/data/below', hostPath: folder, readonly: true },
        { containerPath: '/made/on the/way', hostPath: folder, readonly: true },
        { containerPath: '/etc/one', hostPath: join(folder, 'file') },
        { containerPath: '/linked', hostPath: join(node.folder, 'link') },
        { containerPath: '/dev/termination-log', hostPath: join(folder, 'file') },
        { containerPath: '/run/x/../y', hostPath: folder },
      ]
      const look = `cat /data/file /etc/one /linked/file; echo more > /data/new && ls /linked /run/y "/made/on the/way"
        touch /data/below/no; touch "/made/on the/way/no"; echo message > /dev/termination-log
        grep -cE " (/data|/made|/etc/one|/linked)" /proc/self/mounts`
      say(await pod.output(look, { mounts }))
      say(readdirSync(folder).sort())
      say(readFileSync(join(folder, 'file'), 'utf8'))
      say(
        await pod.output('touch /data/own; ls -ln /data/own | cut -c1-40', {
          mounts: mounts.slice(0, 1),
          security: { runAsUser: { value: 1000 } },
        }),
      )
      const missing = { containerPath: '/a', hostPath: join(folder, 'is', 'made') }
      say(await refused(pod.start({ command: ['true'], mounts: [missing] })))
      say(readdirSync(folder).sort())
    },
  },
  {
    title: 'mount propagation: private, from the node, both ways',
    play: async (node, say, refused) => {
      const folder = folderOf(node, 'shared')
      await host('mount', '--bind', folder, folder)
      await host('mount', '--make-rshared', folder)
      mkdirSync(join(folder, 'later'))
      mkdirSync(join(folder, 'inside'))
      const pod = await node.runPod({ security: { privileged: true } })
      const modes = ['PROPAGATION_PRIVATE', 'PROPAGATION_HOST_TO_CONTAINER', 'PROPAGATION_BIDIRECTIONAL']
      const start = propagation =>
        pod.start({
          command: forever,
          mounts: [{ containerPath: '/data', hostPath: folder, propagation }],
          security: { privileged: true },
        })
      try {
        const containers = await Promise.all(modes.map(start))
        await host('mount', '-t', 'tmpfs', 'later', join(folder, 'later'))
        for (const container of containers) say(await container.exec('grep -c " /data/later " /proc/self/mounts'))
        await host('umount', join(folder, 'later'))
        for (const container of containers) {
          await container.exec('mount -t tmpfs inside /data/inside')
          const { stdout } = await container.exec('grep -c " /data/inside " /proc/self/mounts')
          const seen = readFileSync('/proc/self/mounts', 'utf8').includes(`${folder}/inside `)
          say({ inside: stdout, node: seen })
          await container.exec('umount /data/inside')
          say(container.lines())
        }
        for (const container of containers) await container.remove()
      } finally {
        await host('umount', '-R', folder)
      }
      const apart = folderOf(node, 'apart')
      await host('mount', '-t', 'tmpfs', '--make-private', 'apart', apart)
      const mounts = [{ containerPath: '/data', hostPath: apart, propagation: 'PROPAGATION_BIDIRECTIONAL' }]
      say(await refused(pod.start({ command: forever, mounts, security: { privileged: true } })))
      await host('umount', apart)
    },
  },
  {
    title: 'containers of a pod work on one volume',
    play: async (node, say) => {
      const mounts = [{ containerPath: '/shared', hostPath: folderOf(node, 'empty') }]
      const pod = await node.runPod()
      const writer = await pod.start({
        command: sh('for i in 1 2 3; do echo $i; done > /shared/list; exec sleep 1000'),
        mounts,
      })
      const reader = await pod.start({
        command: sh(
          'for i in $(seq 300); do [ "$(wc -l < /shared/list)" = 3 ] && break; sleep 0.1; done; cat /shared/list',
        ),
        mounts,
      })
      say(await reader.ended())
      say(reader.lines())
      say(await writer.exec('rm /shared/list; ls /shared | wc -l'))
    },
  },
  {
    title: 'user namespaces of pods, with volumes whose owners are mapped',
    needs: { script: "containerd --version | awk '{ exit $3 !~ /^v?([2-9]|1[0-9])[.]/ }'", what: 'containerd 2' },
    play: async (node, say) => {
      const folder = folderOf(node, 'owned')
      writeFileSync(join(folder, 'file'), 'of the node\n')
      chownSync(join(folder, 'file'), 1000, 2000)
      const ids = [{ hostId: 200_000, containerId: 0, length: 65_536 }]
      const security = { namespaceOptions: { usernsOptions: { mode: 'POD', uids: ids, gids: ids } } }
      const pod = await node.runPod({ security })
      const volume = { containerPath: '/data', hostPath: folder, uidMappings: ids, gidMappings: ids }
      const mounts = [volume, { ...volume, containerPath: '/read', readonly: true }]
      const look = `echo $(cat /proc/self/uid_map /proc/self/gid_map); id -u; ls -ln /data/file /read/file | tr -s ' ' | cut -d' ' -f3,4
        touch /data/own /read/own; mkdir /data/folder; chown 7:8 /data/folder; ls -ln / | grep -v "^total" | tr -s ' ' | cut -d' ' -f3,4 | sort | uniq -c`
      say(await pod.output(look, { mounts, security }))
      const owner = name => `${name}: ${statSync(join(folder, name)).uid} ${statSync(join(folder, name)).gid}`
      say(['own', 'folder', 'file'].map(owner))
      const [one, other] = [
        await pod.start({ command: forever, mounts, security }),
        await pod.start({ command: forever, security: { ...security, runAsUser: { value: 1000 } } }),
      ]
      say(await one.exec('cat /data/file; echo more > /data/own; id -u; hostname; cat /proc/sys/kernel/hostname'))
      say(await other.exec('id -u; touch /tmp/a; ls -ln /tmp/a | tr -s " " | cut -d" " -f3,4'))
      const pids = [await one.pid(), await other.pid()]
      say(pids.map(pid => readFileSync(`/proc/${pid}/status`, 'utf8').match(/^Uid:.*$/m)[0]))
      const [first, second, own] = [...pids, 'self'].map(pid => readlinkSync(`/proc/${pid}/ns/user`))
      say({ shared: first === second, ofNode: first === own })
      say(await pod.output('mount -t tmpfs none /tmp || echo refused', { security }))
      await one.stop(0)
      say(await one.status())
    },
  },
]
