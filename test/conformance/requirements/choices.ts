/** What the specification leaves to the runtime: values that it may choose not to support, and what it may add. */
import type { Choice } from './row.js'

const PROCFS = 'conformance/config-mounts-procfs.test.ts'

export const choices: readonly Choice[] = [
  {
    anchor: 'config.md#specification-version',
    says: 'Without ociVersion 1.0.0 is meant, with a warning; a member that is null is as good as absent',
    why: 'engines in Go write what they leave empty as null, and runc takes it',
    shown: [
      ['config/read-config.test.ts', 'without a version the first one is meant, and that is told'],
      ['config/read-config.test.ts', 'a member that is null is as good as absent, in text and in objects'],
    ],
  },
  {
    anchor: 'config.md#mounts',
    says: 'On /proc only a procfs is mounted, and below it only over the files that tell of the host; all else is an error',
    why: 'what is mounted there can defeat the labels and masks that are written through it (CVE-2019-16884); runc does the same',
    shown: [
      [PROCFS, 'tsrun#mounts-on-proc: anything else on or below /proc is refused before anything is made'],
      [PROCFS, 'tsrun#mounts-on-proc: a file that tells of the host may be covered by another'],
    ],
  },
  {
    anchor: 'config.md#process',
    says: 'HOME is added to the environment if it is missing',
    why: 'all runtimes do so, and images rely on it',
    shown: [['conformance/config-process.test.ts', ': the environment is exactly that of the configuration, and HOME']],
  },
  {
    anchor: 'config.md#linux-mount-options',
    says: 'mand and nomand are taken; since Linux 5.15 the kernel has no mandatory locks',
    why: 'the specification leaves it open, and old configurations have them',
    shown: [['conformance/config-mount-options.test.ts', ': all the others are taken, and leave the mount as it is']],
  },
  {
    anchor: 'config-linux.md#intelrdt',
    says: 'Of a cache schema with a line for the bandwidth only the other lines count beside memBwSchema',
    why: 'version 1.2 of the specification asked for it, and the kernel refuses two lines for one resource',
    shown: [['resctrl/class.test.ts', ': cache and bandwidth are written together, schemata after them']],
  },
]
