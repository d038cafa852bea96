package main

import "github.com/spf13/cobra"

// clientCommands are the commands that talk to servers.
func (p *program) clientCommands() []*cobra.Command {
	return []*cobra.Command{
		p.appsCommand(), p.instancesCommand(), p.getCommand(),
		p.registerCommand(), p.deregisterCommand(), p.statusCommand(), p.metadataCommand(),
		p.historyCommand(), p.watchCommand(), p.runCommand(), p.topCommand(),
		p.exportCommand(), p.importCommand(), p.diffCommand(), p.healthCommand(), p.lintCommand(), p.protectionCommand(), p.evictCommand(), p.authCommand(), p.peersCommand(),
		p.contextCommand(),
	}
}
