/** Who runs this process, and from which file. */
import { userInfo } from 'node:os'

/** The file of the program that runs this. */
export const ownProgram = (): string => process.execPath

/** The name of this user; null: the host's accounts have none. */
export function ownName(): string | null {
  try {
    return userInfo().username
  } catch {
    return null
  }
}
