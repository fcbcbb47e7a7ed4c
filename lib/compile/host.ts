import { HostError } from '../errors.js'
import type { Work } from './draft.js'

/** The first kernel with openat2, close_range, mount_setattr and all that the helper relies on. */
const KERNEL_FLOOR = [5, 12] as const

/**
 * What no plan can make up for.
 * @throws HostError ERR_HOST_KERNEL
 */
export function demandHost({ config, facts }: Pick<Work, 'config' | 'facts'>): void {
  const [major, minor] = facts.kernel
  if (major < KERNEL_FLOOR[0] || (major === KERNEL_FLOOR[0] && minor < KERNEL_FLOOR[1])) {
    const needs = `Linux ${KERNEL_FLOOR.join('.')} or later`
    throw new HostError('ERR_HOST_KERNEL', { needs, found: `Linux ${major}.${minor}`, remedy: 'boot a newer kernel' })
  }
  const { process, linux } = config
  if (process?.apparmorProfile && !facts.apparmor) throw noModule('AppArmor', '/process/apparmorProfile')
  if (process?.selinuxLabel && !facts.selinux) throw noModule('SELinux', '/process/selinuxLabel')
  if (linux.mountLabel && !facts.selinux) throw noModule('SELinux', '/linux/mountLabel')
}

/** A protection that is asked for and can't be given is never left out in silence. */
function noModule(module: string, pointer: string): HostError {
  return new HostError('ERR_HOST_KERNEL', {
    needs: `${module} (${pointer})`,
    found: `a kernel without ${module}`,
    remedy: `remove the field, or enable ${module}`,
  })
}
