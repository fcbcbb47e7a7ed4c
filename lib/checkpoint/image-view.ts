/** The images as a user namespace is to see them: CRIU's children read them when they are in it already. */
import type { Config } from '../config/config.js'
import { HostError } from '../errors.js'
import { closeFd } from '../sys/beneath.js'
import { errnoMessage, isErrno } from '../sys/errno.js'
import { fileStatus, listDirectory } from '../sys/file.js'
import { cloneTree, makeUserNamespace, mapIds } from '../sys/mount.js'
import { changeMode } from '../sys/written-tree.js'

const GROUP_READS = 0o040
const GROUP_SEARCHES = 0o010

function openToGroup(images: string): void {
  for (const path of [images, ...listDirectory(images).map(name => `${images}/${name}`)]) {
    const { kind, mode } = fileStatus(path)
    const wanted = GROUP_READS | (kind === 'directory' ? GROUP_SEARCHES : 0)
    if (kind !== 'other' && (mode & wanted) !== wanted) changeMode(path, mode | wanted)
  }
}

/**
 * A directory, attached nowhere, in which the images are those of the container's root; null if it may read them as they are. At
 * first CRIU's children have not become that user, and read them as the group root, to which the files are opened for that.
 * @throws {HostError} ERR_HOST_KERNEL if their file system can't do that
 */
export function openImagesAs({ linux }: Config, images: string): number | null {
  const uid = linux.uidMappings.find(({ containerID }) => containerID === 0)?.hostID
  const { uid: owner, gid: group } = fileStatus(images)
  if (uid === undefined || uid === owner) return null
  openToGroup(images)
  const mount = cloneTree({ path: images, recursive: false, nofollow: false })
  try {
    const namespace = makeUserNamespace(`${owner} ${uid} 1\n`, `${group} 0 1\n`)
    try {
      mapIds({ mount, namespace, recursive: false })
    } finally {
      closeFd(namespace)
    }
    return mount
  } catch (cause) {
    closeFd(mount)
    if (!isErrno(cause)) throw cause
    throw new HostError(
      'ERR_HOST_KERNEL',
      {
        needs: `images on a file system whose ids can be mapped, for user ${uid} to read them in the user namespace`,
        found: `${images}: ${cause.errno}: ${errnoMessage(cause.errno)}`,
        remedy: 'copy them to another file system, such as ext4, xfs or tmpfs',
      },
      { cause },
    )
  }
}
