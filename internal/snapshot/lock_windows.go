package snapshot

import "os"

// lockFile lets everybody: nothing is locked here.
func lockFile(*os.File) bool { return true }
