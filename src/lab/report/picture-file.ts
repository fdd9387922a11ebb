/** Pictures of a report as files of their own. */

/** A picture that stands alone has light colours: on a dark page it brings its own white. */
export const standalone = (svg: string): string =>
  `${svg.replace('>', '><style>svg{background:#fff}</style>')}\n`

/** Name of a picture's file: the id of its figure. */
export const pictureFile = (id: string): string => `${id}.svg`
