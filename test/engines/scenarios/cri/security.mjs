/** Security contexts, as a pod's `securityContext` has them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Without the tmpfs that the masks and the hierarchies are, for which tsrun has other options (a scenario of its own). */
const systemMounts = `grep -E " (/proc|/sys)[^ ]* " /proc/self/mounts | cut -d" " -f1-4 | grep -vE "^(sysfs|tmpfs) " | sort
  grep -E "^tmpfs (/proc|/sys)[^ ]* " /proc/self/mounts | cut -d" " -f1-2 | sort`

const status = 'grep -E "^(Cap|Seccomp:|NoNewPrivs)" /proc/self/status'

/** Everything is allowed but for these, which end in the way that is asked for. */
const localhostProfile = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 },
    { names: ['unlink', 'unlinkat'], action: 'SCMP_ACT_ERRNO' },
  ],
}

/** @type {readonly import('../cri.mjs').CriScenario[]} */
export const securityScenarios = [
  {
    title: 'users and groups, by number and by name',
    play: async (node, say, refused) => {
      const pod = await node.runPod({ security: { supplementalGroups: [70] } })
      const who = security =>
        pod.output('id; grep Groups /proc/self/status; touch /tmp/mine && ls -ln /tmp/mine | cut -d" " -f3-12', {
          security,
        })
      say(await who({}))
      say(await who({ runAsUser: { value: 1000 } }))
      say(await who({ runAsUsername: 'ada' }))
      say(await who({ runAsUser: { value: 4321 }, runAsGroup: { value: 8765 } }))
      say(await who({ runAsUser: { value: 1000 }, supplementalGroups: [60, 50, 40] }))
      say(await refused(pod.start({ command: ['true'], security: { runAsUsername: 'nobody-knows' } })))
      const own = await pod.start({
        command: ['sleep', '1000'],
        security: { runAsUser: { value: 1000 }, supplementalGroups: [60] },
      })
      say(await own.exec('id; grep Groups /proc/self/status; kill -0 1; echo $?'))
    },
  },
  {
    title: 'capabilities, no new privileges, a root file system that is only read',
    play: async (node, say) => {
      const pod = await node.runPod()
      const capabilities = [
        {},
        { addCapabilities: ['NET_ADMIN', 'SYS_PTRACE'] },
        { dropCapabilities: ['ALL'] },
        { dropCapabilities: ['ALL'], addCapabilities: ['CHOWN'] },
        { addCapabilities: ['ALL'], dropCapabilities: ['MKNOD'] },
      ]
      for (const each of capabilities) say(await pod.output(status, { security: { capabilities: each } }))
      const plain = { runAsUser: { value: 1000 } }
      say(await pod.output(status, { security: plain }))
      say(await pod.output(status, { security: { ...plain, capabilities: { addCapabilities: ['NET_BIND_SERVICE'] } } }))
      say(
        await pod.output(`${status}; touch /no; touch /dev/shm/yes && echo written`, {
          security: { readonlyRootfs: true },
        }),
      )
      const barred = await pod.start({
        command: ['sleep', '1000'],
        security: { noNewPrivs: true, readonlyRootfs: true },
      })
      say(await barred.exec(`${status}; touch /tmp/no`))
    },
  },
  {
    title: 'seccomp: unconfined, the default, one of the node',
    play: async (node, say, refused) => {
      const file = join(node.folder, 'profile.json')
      writeFileSync(file, JSON.stringify(localhostProfile))
      const pod = await node.runPod({ security: { seccomp: { profileType: 'RuntimeDefault' } } })
      const profiles = [
        { profileType: 'Unconfined' },
        { profileType: 'RuntimeDefault' },
        { profileType: 'Localhost', localhostRef: file },
      ]
      const attempt = `${status}; mkdir /tmp/made; touch /tmp/file; rm /tmp/file; unshare -U true; echo $?`
      for (const seccomp of profiles) say(await pod.output(attempt, { security: { seccomp } }))
      const missing = { profileType: 'Localhost', localhostRef: `${file}.missing` }
      say(await refused(pod.start({ command: ['true'], security: { seccomp: missing } })))
      const one = await pod.start({ command: ['sleep', '1000'], security: { seccomp: profiles[2] } })
      say(await one.exec(attempt))
    },
  },
  {
    title: 'privileged: capabilities, devices, what is masked and what is only read',
    play: async (node, say, refused) => {
      const pod = await node.runPod({ security: { privileged: true } })
      const look = `${status}; mkdir /mnt; ls /dev | grep -vE "^(tty|vcs|loop|pts)" | sort | tr "\\n" " "; echo
        ${systemMounts}
        mount -t tmpfs none /mnt && echo mounted; head -c 1 /dev/null; test -w /dev/kmsg && echo kmsg
        echo 1 > /proc/sys/net/ipv4/ip_forward && echo forward`
      say(
        await pod.output(look, {
          security: { privileged: true, maskedPaths: [], readonlyPaths: [] },
        }),
      )
      const one = await pod.start({ command: ['sleep', '1000'], security: { privileged: true } })
      say(await one.exec(look))
      const plain = await node.runPod()
      say(await plain.output(look))
      say(await refused(plain.start({ command: ['true'], security: { privileged: true } })))
    },
  },
  {
    title: 'masked and read-only paths, devices',
    play: async (node, say) => {
      const pod = await node.runPod()
      const look = `${systemMounts}; head -c 1 /proc/kcore | wc -c; echo > /proc/sys/kernel/hostname`
      say(await pod.output(look))
      const unmasked = { maskedPaths: [], readonlyPaths: [] }
      say(await pod.output(look, { security: unmasked }))
      say(
        await pod.output('cat /etc/passwd | wc -c; touch /srv/a', {
          security: { maskedPaths: ['/etc/passwd', '/nowhere', ''], readonlyPaths: ['/srv', ''] },
        }),
      )
      const devices = [{ containerPath: '/dev/mine', hostPath: '/dev/null', permissions: 'rw' }]
      say(
        await pod.output(
          'ls -l /dev/mine | cut -c1; echo a > /dev/mine && echo written; mknod /tmp/n c 1 3 && echo made; cat /tmp/n; head -c1 /dev/kmsg',
          { devices },
        ),
      )
      say(
        await pod.output(
          'find /dev -not -type d | sort | xargs ls -ld | sed -E "s/(.*) [A-Z][a-z]{2} .*[0-9]{2}:[0-9]{2} /\\1 /" | tr -s " "',
        ),
      )
    },
  },
  {
    title: 'the tmpfs that holds the cgroup hierarchies is read-only, as the engine asks for',
    play: async (node, say) => {
      const pod = await node.runPod()
      say(
        await pod.output(
          'grep "^tmpfs /sys/fs/cgroup " /proc/self/mounts | cut -d" " -f4 | cut -d, -f1; touch /sys/fs/cgroup/a',
        ),
      )
    },
  },
  {
    title: 'a privileged container may write to /sys, though its pod may not',
    play: async (node, say) => {
      const pod = await node.runPod({ security: { privileged: true } })
      const look = 'grep "^sysfs /sys " /proc/self/mounts | cut -d" " -f4 | cut -d, -f1'
      say(await pod.output(look, { security: { privileged: true } }))
      say(await pod.output(look))
    },
  },
]
