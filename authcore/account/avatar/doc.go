// Package avatar keeps the pictures that people show beside their name. What somebody uploads is never served: it is decoded, cut to a
// square, scaled and written anew, so that what else is in the file (metadata, scripts, other formats) is gone.
package avatar
