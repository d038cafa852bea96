// A program of somebody else that calls services.
package main

import (
	"fmt"
	"net/http"

	"heureka.internal/heureka/client"
)

func main() {
	c, err := client.New(client.Config{Servers: []string{"http://localhost:8761/eureka/"}})
	if err != nil {
		panic(err)
	}
	web := &http.Client{Transport: &client.Transport{Client: c}}
	fmt.Println(web != nil, client.App("ORDERS"))
}
