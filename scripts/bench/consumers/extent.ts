/** How much is in the files that packages are measured by. */

/** Of the Parquet file and of the database. */
export const ROWS = 200_000;
/** Of the Parquet file. */
export const ROWS_IN_GROUP = 2_000;
/** Of the ZIP file. */
export const ENTRIES = 200;
/** Of the PMTiles archive, which has all tiles up to there. */
export const ZOOM_MAX = 6;
