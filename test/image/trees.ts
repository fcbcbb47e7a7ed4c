/** Trees on disk, with all that a layer has: read by a program that knows extended attributes, which Node does not. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type UnpackedLayer, type UnpackOptions, unpackLayer } from '../../lib/layer/unpack.js'
import { streamOf } from './tars.js'

export const READ_TREE = `
import hashlib, json, os, stat, sys
def texts(b): return b.decode('latin-1')
root, out, first = os.fsencode(sys.argv[1]), {}, {}
for folder, folders, files in os.walk(root):
    for name in [b''] * (folder == root) + folders + files:
        path = os.path.join(folder, name) if name else folder
        s = os.lstat(path)
        link = stat.S_ISLNK(s.st_mode)
        try: names = os.listxattr(path, follow_symlinks=False)
        except OSError: names = []
        xattrs = {n: texts(os.getxattr(path, n, follow_symlinks=False)) for n in names if not n.startswith('security.selinux')}
        content = None
        if link: content = texts(os.readlink(path))
        if stat.S_ISREG(s.st_mode): content = hashlib.sha256(open(path, 'rb').read()).hexdigest()
        rel = texts(os.path.relpath(path, root))
        shared = not stat.S_ISDIR(s.st_mode) and s.st_nlink > 1
        group = first.setdefault(s.st_ino, []) if shared else None
        if shared: group.append(rel)
        out[rel] = dict(mode=oct(s.st_mode), uid=s.st_uid, gid=s.st_gid, mtime=str(s.st_mtime_ns), content=content,
          device=[os.major(s.st_rdev), os.minor(s.st_rdev)], xattrs=xattrs, links=group, blocks=None if not stat.S_ISREG(s.st_mode) else s.st_size)
for item in out.values():
    if item['links']: item['links'].sort()
print(json.dumps(out))
`

export interface TreeNode {
  readonly mode: string
  readonly uid: number
  readonly gid: number
  /** Nanoseconds. */
  readonly mtime: string
  /** A digest of a file's content; what a link says. */
  readonly content: string | null
  readonly device: readonly [number, number]
  /** Values are bytes (latin1). */
  readonly xattrs: Readonly<Record<string, string>>
  /** All names of the same file, if there is more than one. */
  readonly links: readonly string[] | null
}

export type Tree = Readonly<Record<string, TreeNode>>

/** By path (latin1); `.` is the root. */
export const treeOf = (path: string): Tree =>
  JSON.parse(execFileSync('python3', ['-c', READ_TREE, path], { encoding: 'utf8', maxBuffer: 2 ** 30 })) as Tree

/** Where the two differ, as `path: what`. */
export function differences(found: Tree, wanted: Tree): readonly string[] {
  const paths = new Set([...Object.keys(found), ...Object.keys(wanted)])
  return [...paths]
    .filter(path => JSON.stringify(found[path]) !== JSON.stringify(wanted[path]))
    .map(path => {
      return `${path}: ${JSON.stringify(found[path])} in place of ${JSON.stringify(wanted[path])}`
    })
}

/** An empty directory, removed when the test ends. */
export function folderFor(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-layer-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Unpacked extends UnpackedLayer {
  readonly path: string
}

/** Unpacks the archive into a directory of its own. */
export async function unpackTo(
  t: Test,
  tar: Uint8Array,
  options: Partial<UnpackOptions> & { readonly parent?: string } = {},
): Promise<Unpacked> {
  const { parent = folderFor(t), ...rest } = options
  const path = join(parent, 'layer')
  mkdirSync(path)
  const isGzip = tar[0] === 0x1f
  const mediaType = `application/vnd.oci.image.layer.v1.tar${isGzip ? '+gzip' : ''}`
  const result = await unpackLayer({ stream: streamOf(tar), mediaType, target: path, overlay: 'trusted', ...rest })
  return { path, ...result }
}
