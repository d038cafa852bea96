package main

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"

	"heureka.internal/heureka/internal/auth"
)

func (p *program) authUserCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "user NAME",
		Short: "Make a line for the users file of a node",
		Long: `Make a line for heureka.auth.users-file, as htpasswd -B does. The password is read from the terminal or from standard input, never from
an argument. A password with a colon is refused: most Java clients would send none at all.`,
		Example:           `  heureka auth user ann >> /etc/heureka/users`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkName(args[0]); err != nil {
				return err
			}
			password, err := p.askPassword()
			if err != nil {
				return err
			}
			hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
			if err != nil {
				return usage("", "password: %v", err)
			}
			return newPrinter(p.stdout, "").say("%s:%s", args[0], hash)
		},
	}
}

// checkName refuses what would be read as another line, or as a part of one.
func checkName(name string) error {
	if name == "" || strings.ContainsAny(name, ":#\r\n\t ") {
		return usage("", "%q is no name for a line of the file", name)
	}
	return nil
}

func (p *program) askPassword() (string, error) {
	var text []byte
	var err error
	if f, ok := p.stdin.(*os.File); ok && term.IsTerminal(f.Fd()) {
		fmt.Fprint(p.stderr, "password: ")
		text, err = term.ReadPassword(f.Fd())
		fmt.Fprintln(p.stderr)
	} else {
		text, err = io.ReadAll(io.LimitReader(p.stdin, maxProbe))
	}
	password := strings.TrimRight(string(text), "\r\n")
	switch {
	case err != nil:
		return "", usage("", "read the password: %v", err)
	case password == "":
		return "", usage("it is read from standard input", "the password is empty")
	case strings.Contains(password, ":"):
		return "", usage("take another one", "the password has a colon, with which most Java clients send no password at all")
	}
	return password, nil
}

func (p *program) authTokenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "token NAME ROLE[,ROLE] FILE",
		Short: "Make a token, and a line for the tokens file of a node",
		Long: `Make a token, write it to FILE, which must not be there yet and which nobody else may read, and print its line for heureka.auth.tokens-file,
which has its hash alone. FILE is for whoever shows the token, such as with --token-file.`,
		Example:           `  heureka auth token prometheus metrics,read prometheus.token >> /etc/heureka/tokens`,
		Args:              cobra.ExactArgs(3),
		ValidArgsFunction: completeRoles,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkName(args[0]); err != nil {
				return err
			}
			roles := strings.Split(args[1], ",")
			if _, err := auth.ParseRoles(roles); err != nil {
				return usage("", "%v", err)
			}
			token := rand.Text()
			if err := writeNew(args[2], token+"\n"); err != nil {
				return &failure{status: statusFailed, err: err, hint: "FILE is where the token goes: one that is not there yet"}
			}
			return newPrinter(p.stdout, "").say("%s:%x:%s", args[0], sha256.Sum256([]byte(token)), strings.Join(roles, ","))
		},
	}
}

func completeRoles(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 1:
		return auth.RoleNames(), cobra.ShellCompDirectiveNoFileComp
	case 2:
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// writeNew writes a file that is not there yet, for its owner alone.
func writeNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
