/** In place of lib/cli/image-library.ts: images need the network and TLS. */
function refuse(): never {
  const remedy = 'install the package (npm install --global tsrun), or unpack the image and give a bundle'
  throw new Error(`images are not in the standalone executable, which has neither network nor TLS: ${remedy}`)
}

export const openImages = refuse
export const runtimeConfig = refuse
