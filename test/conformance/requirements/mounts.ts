/** config.md: mounts and their options. */
import type { Section } from './row.js'

export const mounts: readonly Section[] = [
  {
    anchor: 'config.md#mounts',
    rows: [
      {
        word: 'MUST',
        says: 'The entries are mounted in the listed order',
        shown: [
          ['conformance/config-mounts.test.ts', ': the entries are mounted in the listed order'],
          ['conformance/config-mounts.test.ts', ': a later entry hides an earlier one below it'],
        ],
      },
      {
        word: 'SHOULD',
        says: 'The destination is an absolute path',
        shown: [
          ['conformance/config-mounts.test.ts', ': a relative destination is taken from the root, with a warning'],
        ],
      },
      {
        word: 'MUST',
        says: 'A relative one is taken from the root',
        shown: [
          ['conformance/config-mounts.test.ts', ': a relative destination is taken from the root, with a warning'],
        ],
      },
      {
        word: 'MUST',
        says: 'The source of a bind is absolute or relative to the bundle; it is a bind with `bind` or `rbind`',
        shown: [
          ['conformance/config-mounts.test.ts', ': type bind alone, and a source relative to the bundle'],
          ['conformance/config-mounts.test.ts', ': bind takes one mount, rbind the whole tree'],
        ],
      },
      {
        word: 'MUST',
        says: 'Any file system of the kernel can be mounted, with its source and options',
        shown: [
          ['conformance/config-mounts.test.ts', ': a file system that wants a source gets it'],
          ['conformance/config-mounts.test.ts', ': overlay, with options of several parts'],
          [
            'conformance/config-mounts-content.test.ts',
            ': an overlay of more layers than one option of the kernel holds',
          ],
        ],
      },
      {
        word: 'MUST',
        says: 'uidMappings and gidMappings come together',
        shown: [['conformance/config-mounts-idmap.test.ts', ': what cannot be mapped is said before anything is made']],
      },
      {
        word: 'SHOULD',
        says: 'Ids of a mount are mapped by mount_setattr(2), also with the mappings alone',
        shown: [
          ['conformance/config-mounts-idmap.test.ts', ': the mappings of a bind mount give the files other owners'],
          ['conformance/config-mounts-idmap.test.ts', ': mappings without the option are applied as well'],
          ['conformance/config-mounts-idmap.test.ts', ': a new file system with mapped ids'],
        ],
      },
      {
        word: 'MUST',
        says: 'A mount type or option that the kernel refuses is an error',
        shown: [
          ['conformance/config-mounts.test.ts', ': what the kernel refuses names the mount'],
          ['conformance/config-mounts-content.test.ts', ': an option that is longer than the kernel takes'],
        ],
      },
    ],
  },
  {
    anchor: 'config.md#linux-mount-options',
    rows: [
      {
        word: 'MUST',
        says: 'bind, rbind',
        shown: [['conformance/config-mounts.test.ts', 'config.md#mounts: bind takes one mount, rbind the whole tree']],
      },
      {
        word: 'MUST',
        says: 'ro, rw, suid, nosuid, dev, nodev, exec, noexec, diratime, nodiratime, atime, noatime, relatime, norelatime, strictatime, nostrictatime',
        shown: [
          ['conformance/config-mount-options-mount8.test.ts', ': norelatime is what mount(8) makes of it'],
          ['conformance/config-mount-options.test.ts', ': every one that has its opposite, on a file system'],
          ['conformance/config-mount-options.test.ts', ': every one that has its opposite, on a bind'],
          ['conformance/config-mount-options.test.ts', ': the opposites take from a bind what its source has'],
        ],
      },
      {
        word: 'MUST',
        says: 'sync, async, dirsync, lazytime, nolazytime',
        shown: [
          [
            'conformance/config-mount-options-mount8.test.ts',
            ': on a bind the flags of a file system change nothing, with a warning',
          ],
          ['conformance/config-mount-options.test.ts', ': sync, dirsync and lazytime are flags of the file system'],
          ['conformance/config-mount-options.test.ts', ': all the others are taken, and leave the mount as it is'],
        ],
      },
      {
        word: 'MUST',
        says: 'defaults, silent, loud, noiversion',
        shown: [
          ['conformance/config-mount-options.test.ts', ': all the others are taken, and leave the mount as it is'],
          ['features.test.ts', 'every mount option that is listed is accepted as one of ours'],
        ],
      },
      {
        word: 'MUST',
        says: 'iversion',
        partly:
          'the mount calls of the kernel that take a file descriptor have no such flag: the file systems that count versions do so by themselves, and a warning says so',
        shown: [
          ['conformance/config-mount-options.test.ts', ': all the others are taken, and leave the mount as it is'],
        ],
      },
      {
        word: 'MUST',
        says: 'remount',
        partly:
          'the kernel has one set of options for all mounts of a file system, those of the host too: they are changed only if an entry before has made the file system',
        shown: [
          ['conformance/config-mount-options.test.ts', ': remount changes what is mounted'],
          ['conformance/config-mount-options.test.ts', ': remount with bind, as mount(8) writes it'],
          [
            'conformance/config-mounts-content.test.ts',
            ': remount changes a file system that the configuration mounted',
          ],
          ['conformance/config-mounts-content.test.ts', ': remount of the file systems of others is refused'],
        ],
      },
      {
        word: 'MUST',
        says: 'shared, slave, private, unbindable, rshared, rslave, rprivate, runbindable',
        shown: [
          ['conformance/config-mount-options.test.ts', ': shared, private and unbindable'],
          ['conformance/config-mount-options.test.ts', ': … receives what the host mounts'],
          ['conformance/config-mount-options.test.ts', ': rshared reaches the mounts below, shared does not'],
        ],
      },
      {
        word: 'SHOULD',
        says: 'nosymfollow, symfollow',
        shown: [
          ['conformance/config-mount-options.test.ts', ': every one that has its opposite, on a file system'],
          ['conformance/config-mount-options.test.ts', ': noexec and nosymfollow have their effect'],
        ],
      },
      {
        word: 'SHOULD',
        says: 'rro, rrw, rsuid, rnosuid, rdev, rnodev, rexec, rnoexec, ratime, rnoatime, rdiratime, rnodiratime, rrelatime, rnorelatime, rstrictatime, rnostrictatime, rsymfollow, rnosymfollow reach the mounts below, too',
        shown: [
          ['conformance/config-mount-options.test.ts', ': the recursive ones reach the mounts below'],
          ['conformance/config-mount-options.test.ts', ': and their opposites take from the mounts below'],
          ['conformance/config-mount-options.test.ts', ': ro alone does not reach the mounts below'],
        ],
      },
      {
        word: 'SHOULD',
        says: 'idmap, ridmap',
        shown: [
          [
            'conformance/config-mounts-idmap.test.ts',
            'config.md#mounts: idmap is for one mount, ridmap for the whole tree',
          ],
        ],
      },
      {
        word: 'MUST',
        says: "With idmap or ridmap the ids are mapped by the mount's own mappings, if it has some",
        shown: [
          [
            'conformance/config-mounts-idmap.test.ts',
            'config.md#mounts: the mappings of a bind mount give the files other owners',
          ],
        ],
      },
      {
        word: 'MUST',
        says: "Without them those of the container's user namespace are meant, and without such a namespace it is an error",
        shown: [
          [
            'conformance/config-mounts-idmap.test.ts',
            "config.md#mounts: without mappings those of the container's user namespace are meant",
          ],
          ['conformance/config-mounts-idmap.test.ts', 'config.md#mounts: also if the user namespace is joined'],
          [
            'conformance/config-mounts-idmap.test.ts',
            'config.md#mounts: what cannot be mapped is said before anything is made',
          ],
        ],
      },
      {
        word: 'SHOULD',
        says: 'idmap and ridmap are not passed to the file system',
        shown: [['conformance/config-mounts-idmap.test.ts', 'config.md#mounts: a new file system with mapped ids']],
      },
      {
        word: 'SHOULD',
        says: 'What is no known option is passed to the file system as it is',
        shown: [
          ['conformance/config-mount-options.test.ts', ': what is no flag is an option of the file system'],
          ['conformance/config-mount-options.test.ts', ': the size of a tmpfs holds'],
        ],
      },
      {
        word: 'SHOULD',
        says: 'An option that mount(8) knows means what it means there',
        shown: [
          ['conformance/config-mount-options-mount8.test.ts', ': each that mount(8) has means what it means there'],
          ['conformance/config-mount-options.test.ts', ': the last of contradicting options counts'],
          ['conformance/config-mount-options.test.ts', ': remount with bind, as mount(8) writes it'],
        ],
      },
    ],
  },
]
