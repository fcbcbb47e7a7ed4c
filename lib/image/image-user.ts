/** Who the process of an image is: its `User`, by the image's own /etc/passwd and /etc/group. */
import { ImageError } from '../errors.js'
import type { OciUser } from '../index.js'
import { readMerged } from './merged-file.js'

/** Far above any real one. */
const LARGEST_FILE = 4 * 1024 * 1024
const LARGEST_ID = 2 ** 32 - 2
const NUMBER = /^(0|[1-9][0-9]*)$/

interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

interface Group {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

/**
 * `name`, `uid`, `name:group` and so on (image-spec, config.md). What is a number is never looked up as a name. Without a group it is
 * that of the account, with the further groups that it is in; a number without an account has group 0.
 * @throws {ImageError} ERR_IMAGE_INVALID if there is no such name
 */
export function userOf(layers: readonly string[], user: string): OciUser {
  const [name = '', groupName] = user.split(/:(.*)/s)
  if (name === '' && groupName === undefined) return { uid: 0, gid: 0 }
  const accounts = linesOf(layers, 'etc/passwd').flatMap(accountIn)
  const account = NUMBER.test(name)
    ? accounts.find(({ uid }) => uid === idOf(user, name))
    : accounts.find(each => each.name === name)
  if (account === undefined && !NUMBER.test(name)) throw unknown(user, `user ${JSON.stringify(name)}`, '/etc/passwd')
  const uid = account?.uid ?? idOf(user, name)
  const groups = (): Group[] => linesOf(layers, 'etc/group').flatMap(groupIn)
  if (groupName !== undefined && groupName !== '') return { uid, gid: gidOf(user, groupName, groups) }
  const more = account === undefined ? [] : groups().filter(({ members }) => members.includes(account.name))
  const gid = account?.gid ?? 0
  const additionalGids = [...new Set(more.map(group => group.gid))].filter(id => id !== gid)
  return { uid, gid, ...(additionalGids.length > 0 && { additionalGids }) }
}

function gidOf(user: string, name: string, groups: () => readonly Group[]): number {
  if (NUMBER.test(name)) return idOf(user, name)
  const group = groups().find(each => each.name === name)
  if (group === undefined) throw unknown(user, `group ${JSON.stringify(name)}`, '/etc/group')
  return group.gid
}

function idOf(user: string, text: string): number {
  const id = Number(text)
  if (id <= LARGEST_ID) return id
  throw new ImageError('ERR_IMAGE_INVALID', `the user ${JSON.stringify(user)}: an id is at most ${LARGEST_ID}`, {
    path: '/config/User',
  })
}

function unknown(user: string, what: string, file: string): ImageError {
  return new ImageError('ERR_IMAGE_INVALID', `the user ${JSON.stringify(user)}: the image's ${file} has no ${what}`, {
    path: '/config/User',
  })
}

const linesOf = (layers: readonly string[], path: string): string[] =>
  (readMerged(layers, path, LARGEST_FILE) ?? '').split('\n')

function accountIn(line: string): Account[] {
  const [name = '', , uid = '', gid = ''] = line.split(':')
  return name !== '' && isId(uid) && isId(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : []
}

function groupIn(line: string): Group[] {
  const [name = '', , gid = '', members = ''] = line.split(':')
  return name !== '' && isId(gid)
    ? [{ name, gid: Number(gid), members: members.split(',').filter(each => each !== '') }]
    : []
}

const isId = (text: string): boolean => NUMBER.test(text) && Number(text) <= LARGEST_ID
