//go:build !unix

package main

import "os"

func fileLimit() (uint64, bool) { return 0, false }

// everybodys is for systems whose permissions are not in the mode of a file.
func everybodys(os.FileInfo) bool { return false }
