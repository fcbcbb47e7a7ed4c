/** The images as a user namespace is to see them: CRIU's children read them when they are in it already. */
import type { Config } from '../config/config.js'
import { HostError } from '../errors.js'
import { closeFd } from '../sys/beneath.js'
import { errnoMessage, isErrno } from '../sys/errno.js'
import { fileStatus, isDirectory, listDirectory, realPath } from '../sys/file.js'
import { cloneTree, makeUserNamespace, mapIds } from '../sys/mount.js'
import { accessOfPath, changeMode } from '../sys/path-access.js'
import { imageError } from './image-directory.js'

const GROUP_READS = 0o040
const GROUP_SEARCHES = 0o010
const ROOT = 0

/**
 * To root's group only: in a directory that hands its own group on (setgid), the memory of a container would be for all of that. What a
 * link leads to is none of the images.
 */
function openToRootsGroup(images: string): void {
  const real = realPath(images)
  for (const path of [real, ...listDirectory(real).map(name => `${real}/${name}`)]) {
    const { gid, mode, isLink } = accessOfPath(path)
    if (isLink) continue
    const wanted = GROUP_READS | (isDirectory(path) ? GROUP_SEARCHES : 0)
    if ((mode & wanted) === wanted) continue
    if (gid !== ROOT) throw imageError(path, `${path} has the group ${gid}, which may not read it: chgrp it to root's`)
    changeMode(path, mode | wanted)
  }
}

/**
 * A directory, attached nowhere, in which the images are those of the container's root; null if it may read them as they are. At
 * first CRIU's children have not become that user, and read them as the group root, to which the files are opened for that.
 * @throws {HostError} ERR_HOST_KERNEL if their file system can't do that; {CheckpointError} ERR_CHECKPOINT_IMAGE for an image of another
 * group that has yet to be opened to it
 */
export function openImagesAs({ linux }: Config, images: string): number | null {
  const uid = linux.uidMappings.find(({ containerID }) => containerID === 0)?.hostID
  const { uid: owner, gid: group } = fileStatus(images)
  if (uid === undefined || uid === owner) return null
  openToRootsGroup(images)
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
