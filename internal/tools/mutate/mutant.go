package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// A mutant is one change to one file.
type mutant struct {
	file     string
	line     int
	text     []byte // of the whole file, without the change
	from, to int    // what is replaced
	by       string
}

func (m mutant) source() []byte {
	return append(append(append([]byte(nil), m.text[:m.from]...), m.by...), m.text[m.to:]...)
}

// String shows the place and the change, on one line.
func (m mutant) String() string {
	was := strings.Join(strings.Fields(string(m.text[m.from:m.to])), " ")
	if m.by == dropped {
		return fmt.Sprintf("%s:%d: dropped: %s", m.file, m.line, was)
	}
	return fmt.Sprintf("%s:%d: %s -> %s", m.file, m.line, was, m.by)
}

// dropped stands for a statement that is left out.
const dropped = "{}"

// others says what an operator is replaced by.
var others = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LAND: token.LOR, token.LOR: token.LAND,
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL,
	token.INC: token.DEC, token.DEC: token.INC,
}

// mutantsOf returns all mutants of the package in dir, in the order of its text.
func mutantsOf(dir string) ([]mutant, error) {
	pkg, err := build.ImportDir(dir, 0)
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, name := range pkg.GoFiles {
		file := filepath.Join(dir, name)
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		f, err := mutantsIn(file, text)
		if err != nil {
			return nil, err
		}
		all = append(all, f...)
	}
	return all, nil
}

func mutantsIn(file string, text []byte) ([]mutant, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, file, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	c := collector{file: file, text: text, fset: fset}
	ast.Inspect(tree, c.node)
	return c.found, nil
}

// A collector gathers the mutants of one file.
type collector struct {
	file  string
	text  []byte
	fset  *token.FileSet
	found []mutant
}

func (c *collector) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec:
		return false
	case *ast.BinaryExpr:
		c.operator(n.OpPos, n.Op)
	case *ast.IncDecStmt:
		c.operator(n.TokPos, n.Tok)
	case *ast.IfStmt:
		c.replace(n.Cond.Pos(), n.Cond.End(), "!("+c.source(n.Cond)+")")
	case *ast.ExprStmt:
		if !isLocking(n.X) { // without those, a test hangs: that is noticed, but slowly
			c.replace(n.Pos(), n.End(), dropped)
		}
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			c.replace(n.Pos(), n.End(), dropped)
		}
	case *ast.ReturnStmt:
		c.results(n)
	case *ast.BasicLit:
		switch {
		case n.Kind != token.INT:
		case len(n.Value) == 1:
			c.replace(n.Pos(), n.End(), "("+n.Value+"+1)")
		default: // 10,001 instead of 10,000 is no question worth asking
			c.replace(n.Pos(), n.End(), "("+n.Value+"*2)")
		}
	}
	return true
}

func (c *collector) operator(pos token.Pos, op token.Token) {
	if other, ok := others[op]; ok {
		c.replace(pos, pos+token.Pos(len(op.String())), other.String())
	}
}

// results swallows errors, and turns true into false.
func (c *collector) results(n *ast.ReturnStmt) {
	for _, r := range n.Results {
		id, ok := r.(*ast.Ident)
		if !ok {
			continue
		}
		switch id.Name {
		case "err":
			c.replace(id.Pos(), id.End(), "nil")
		case "true":
			c.replace(id.Pos(), id.End(), "false")
		case "false":
			c.replace(id.Pos(), id.End(), "true")
		}
	}
}

func (c *collector) replace(from, to token.Pos, by string) {
	at := c.fset.Position(from)
	c.found = append(c.found, mutant{
		file: c.file, line: at.Line, text: c.text, from: at.Offset, to: c.fset.Position(to).Offset, by: by,
	})
}

func (c *collector) source(n ast.Node) string {
	return string(c.text[c.fset.Position(n.Pos()).Offset:c.fset.Position(n.End()).Offset])
}

func isLocking(call ast.Expr) bool {
	c, ok := call.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := c.Fun.(*ast.SelectorExpr)
	return ok && (strings.HasSuffix(sel.Sel.Name, "Lock") || strings.HasSuffix(sel.Sel.Name, "Unlock"))
}
