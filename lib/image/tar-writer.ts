/** Archives of plain files with short names: what an exported image is. */

const BLOCK = 512
/** What an octal field of eleven digits can say. */
const LARGEST_OCTAL = 8 ** 11 - 1

/** The header of a file (POSIX ustar; sizes beyond 8 GiB as GNU tar writes them): owned by root, of 1970, mode 0644 or 0755. */
export function tarHeader(
  name: string,
  { size, directory = false }: { size: number; directory?: boolean },
): Uint8Array {
  const header = Buffer.alloc(BLOCK)
  header.write(name, 0, 100, 'latin1')
  header.write(directory ? '0000755\0' : '0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  writeSize(header, size)
  header.write('00000000000\0', 136)
  header.write(directory ? '5' : '0', 156)
  header.write('ustar\x0000', 257)
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

function writeSize(header: Buffer, size: number): void {
  if (size <= LARGEST_OCTAL) {
    header.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
    return
  }
  header.writeUInt8(0x80, 124)
  header.writeBigUInt64BE(BigInt(size), 128)
}

export const tarPadding = (size: number): Uint8Array => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)
export const tarEnd = (): Uint8Array => Buffer.alloc(2 * BLOCK)
